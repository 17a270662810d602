//! Many nodes on a virtual network with virtual disks, driven by a seed: the core's first user. It drives the very same
//! [`roundtable_core::node::Node`] that a browser tab does.
//!
//! A [`World`] is a queue of things that will happen, in the order of their time and then of their making. Links are as
//! WebRTC data channels are: reliable and in order per lane, silent when the other end dies, and known to be gone only
//! after a while. Disks make batches durable in order, after a while; a crash loses what was not yet durable. The same
//! seed and the same calls give the same trace, whose hash tells two runs apart.
//!
//! [`soak`] draws rooms, requests and faults from a seed and judges the end by an [`oracle`] that knows what each write
//! had seen. [`scenario`] plays stories that are written down as data. [`lab`] puts time
//! into somebody's hand.

#[cfg(all(feature = "native", target_os = "linux", target_env = "gnu"))]
mod allocator;
pub mod bare;
mod disk;
pub mod lab;
mod log;
#[cfg(feature = "native")]
pub mod measure;
pub mod oracle;
pub mod scenario;
pub mod soak;
mod trace;
mod world;

pub use disk::Disk;
pub use log::Log;
pub use trace::Trace;
pub use world::{Coming, CrashPoint, Host, InFlight, Machine, News, Seen, Tapped, Tuning, World};
