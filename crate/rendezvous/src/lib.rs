//! The rendezvous: it introduces strangers, and serves the built site beside it.
//!
//! A tab that has no link at all needs somebody to carry its first offer. That is all this program does for the mesh:
//! it forwards opaque bytes between numbered sockets that named the same opaque topic, keeps nothing, and may be killed
//! at any time without the mesh noticing. It is not a database, not a relay of choice, and knows no node, room or
//! secret.
//!
//! Read it in this order:
//!
//! | module | decides |
//! |---|---|
//! | [`hub`] | who may send what to whom: pure, no I/O, no clock |
//! | [`limits`] | how much of anything there may be, and who is too fast |
//! | [`admission`] | how many connections, and from where |
//! | [`origin`] | which web pages may use it |
//! | [`switchboard`] | the hub, shared by the sockets, with their bounded queues |
//! | [`socket`] | the life of one WebSocket |
//! | [`entrance`] | who gets a socket |
//! | [`health`] | what is counted, and told to anybody who asks |
//! | [`site`], [`headers`] | the files, and what browsers are told about them |
//! | [`server`], [`stop`] | connections: accepting them, their time limits, the graceful stop |
//! | [`config`], [`banner`] | the command line, and what is printed at the start |
//!
//! The rule throughout: nothing that a peer sends may panic, allocate without a limit, or stop the service of others.

pub mod admission;
pub mod banner;
pub mod config;
pub mod entrance;
pub mod headers;
pub mod health;
pub mod hub;
pub mod limits;
pub mod origin;
pub mod server;
pub mod site;
pub mod socket;
pub mod stop;
pub mod switchboard;
