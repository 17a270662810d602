//! How much of anything there may be, and who is too fast.
//!
//! Each collection that a peer can grow has a named limit here, and each limit is a flag of the command line. The
//! defaults were chosen so that a class behind one address is served and a machine of 1 GiB is safe: the largest sum of
//! the outgoing queues is `sockets_max * queue_bytes_max`, which is 1 GiB that only two thousand hostile sockets reach.
//!
//! Rates are token buckets: a burst is free, a stream is not. An introduction is one offer, one answer and a few
//! candidates, about ten frames and 5 KiB a peer, so the burst serves a tab that meets forty others at once.
//!
//! [`Conduct`] judges one socket. A frame too many is refused and costs a strike; strikes are forgiven with time, and
//! who has none left is told so and closed. Being refused for an honest race (a peer that just left) is no strike.

use std::time::{Duration, Instant};

use clap::Args;
use roundtable_core::wire::rendezvous::{FRAME_BYTES_MAX, Refusal};

/// Every limit of the rendezvous; all but the frame's size can be set on the command line.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Frames a second that one socket may send, in the long run.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub frames_per_s: u32,
    /// Frames that one socket may send at once.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub frames_burst: u32,
    /// Bytes a second that one socket may send, in the long run.
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024)]
    pub bytes_per_s: u32,
    /// Bytes that one socket may send at once.
    #[arg(long, value_name = "BYTES", default_value_t = 256 * 1024)]
    pub bytes_burst: u32,
    /// Bad frames of one socket that are forgiven before it is closed.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub strikes_max: u32,
    /// Milliseconds after which one strike is forgotten.
    #[arg(long, value_name = "MS", default_value_t = 4_000)]
    pub strike_forgiven_ms: u32,
    /// Topics that one socket may have joined.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub topics_per_socket_max: usize,
    /// Topics in all.
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub topics_max: usize,
    /// Peers in one topic.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub peers_per_topic_max: usize,
    /// Peers that a welcome names; of more, a different stretch is named to each.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = welcome_peers)]
    pub welcome_peers_max: usize,
    /// Sockets in all.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    pub sockets_max: usize,
    /// Sockets from one address (an IPv6 network of 64 bits counts as one).
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub sockets_per_address_max: usize,
    /// Sockets from this machine itself.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub sockets_from_loopback_max: usize,
    /// Plain HTTP connections beyond the sockets, in all and (an eighth of it) from one address.
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub connections_max: usize,
    /// Frames that wait for one slow reader before it is dropped.
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub queue_frames_max: usize,
    /// Bytes that wait for one slow reader before it is dropped.
    #[arg(long, value_name = "BYTES", default_value_t = 512 * 1024)]
    pub queue_bytes_max: usize,
    /// Milliseconds between two pings.
    #[arg(long, value_name = "MS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(10..))]
    pub ping_every_ms: u32,
    /// Milliseconds of silence, pongs included, after which a socket is dropped.
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    pub silent_ms_max: u32,
    /// Milliseconds that a socket has to join its first topic.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    pub join_ms_max: u32,
    /// Milliseconds that one outgoing frame may take to leave.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub write_ms_max: u32,
    /// Milliseconds that a request's head may take to arrive; also how long an idle connection is kept.
    #[arg(long, value_name = "MS", default_value_t = 15_000)]
    pub head_ms_max: u32,
}

/// What one `Join` costs in frames, since everybody in the topic is told of it.
pub const JOIN_FRAMES: u32 = 8;

/// The most peers that fit a welcome: 10 bytes each at worst, beside the topic and the socket's own number.
pub const WELCOME_PEERS_LIMIT: usize = (FRAME_BYTES_MAX - 64) / 10;

impl Default for Limits {
    /// The defaults of the command line, which are the only ones there are.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            limits: Limits,
        }
        <Alone as clap::Parser>::parse_from([""]).limits
    }
}

fn welcome_peers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n <= WELCOME_PEERS_LIMIT => Ok(n),
        _ => Err(format!("a number of at most {WELCOME_PEERS_LIMIT}, so that a welcome fits one frame")),
    }
}

/// A token bucket: `burst` at once, `per_s` in the long run.
#[derive(Debug, Clone)]
pub struct Bucket {
    level: f64,
    burst: f64,
    per_s: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(burst: u32, per_s: f64, now: Instant) -> Self {
        Bucket { level: f64::from(burst), burst: f64::from(burst), per_s, at: now }
    }

    /// Take `amount` if there is that much; otherwise take nothing and say `false`.
    pub fn take(&mut self, amount: f64, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + elapsed * self.per_s).min(self.burst);
        self.at = self.at.max(now);
        let enough = self.level >= amount;
        if enough {
            self.level -= amount;
        }
        enough
    }
}

/// What is to be done about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Serve it.
    Serve,
    /// Do not; tell the sender why.
    Refuse(Refusal),
    /// Do not; tell the sender why and close, it has been told often enough.
    Close(Refusal),
}

/// How one socket has behaved so far.
#[derive(Debug, Clone)]
pub struct Conduct {
    frames: Bucket,
    bytes: Bucket,
    strikes: Bucket,
}

impl Conduct {
    /// Of a socket that has just opened.
    pub fn new(limits: &Limits, now: Instant) -> Self {
        let forgiven_per_s = 1.0 / Duration::from_millis(limits.strike_forgiven_ms.max(1).into()).as_secs_f64();
        Conduct {
            frames: Bucket::new(limits.frames_burst, limits.frames_per_s.into(), now),
            bytes: Bucket::new(limits.bytes_burst, limits.bytes_per_s.into(), now),
            strikes: Bucket::new(limits.strikes_max, forgiven_per_s, now),
        }
    }

    /// A frame of this length arrived, of any kind, pings included.
    pub fn on_frame(&mut self, bytes: usize, now: Instant) -> Verdict {
        let in_time = self.frames.take(1.0, now) & self.bytes.take(bytes as f64, now);
        if in_time { Verdict::Serve } else { self.on_offence(Refusal::TooFast, now) }
    }

    /// The frame was a `Join`, which costs more than it weighs.
    pub fn on_join(&mut self, now: Instant) -> Verdict {
        let in_time = self.frames.take(f64::from(JOIN_FRAMES - 1), now);
        if in_time { Verdict::Serve } else { self.on_offence(Refusal::TooFast, now) }
    }

    /// The socket did what it should not have done.
    pub fn on_offence(&mut self, refusal: Refusal, now: Instant) -> Verdict {
        if self.strikes.take(1.0, now) { Verdict::Refuse(refusal) } else { Verdict::Close(refusal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { frames_burst: 10, frames_per_s: 5, bytes_burst: 1000, bytes_per_s: 100, ..Limits::default() }
    }

    #[test]
    fn a_burst_is_served_and_a_stream_is_refused() {
        let start = Instant::now();
        let mut conduct = Conduct::new(&limits(), start);
        for _ in 0..10 {
            assert_eq!(conduct.on_frame(10, start), Verdict::Serve);
        }
        assert_eq!(conduct.on_frame(10, start), Verdict::Refuse(Refusal::TooFast));
        assert_eq!(conduct.on_frame(10, start + Duration::from_secs(1)), Verdict::Serve);
    }

    #[test]
    fn bytes_count_as_well_as_frames() {
        let start = Instant::now();
        let mut conduct = Conduct::new(&limits(), start);
        assert_eq!(conduct.on_frame(1000, start), Verdict::Serve);
        assert_eq!(conduct.on_frame(1, start), Verdict::Refuse(Refusal::TooFast));
    }

    #[test]
    fn joining_costs_more_than_sending() {
        let start = Instant::now();
        let mut conduct = Conduct::new(&limits(), start);
        assert_eq!(conduct.on_frame(34, start), Verdict::Serve);
        assert_eq!(conduct.on_join(start), Verdict::Serve);
        assert_eq!(conduct.on_frame(34, start), Verdict::Serve);
        assert_eq!(conduct.on_join(start), Verdict::Refuse(Refusal::TooFast));
    }

    #[test]
    fn who_goes_on_misbehaving_is_closed_and_who_stops_is_forgiven() {
        let start = Instant::now();
        let limits = limits();
        let mut conduct = Conduct::new(&limits, start);
        for _ in 0..limits.strikes_max {
            assert_eq!(conduct.on_offence(Refusal::Malformed, start), Verdict::Refuse(Refusal::Malformed));
        }
        assert_eq!(conduct.on_offence(Refusal::Malformed, start), Verdict::Close(Refusal::Malformed));
        let later = start + Duration::from_millis(u64::from(limits.strike_forgiven_ms) + 1);
        assert_eq!(conduct.on_offence(Refusal::Malformed, later), Verdict::Refuse(Refusal::Malformed));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing_away() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut bucket = Bucket::new(1, 1.0, start);
        assert!(bucket.take(1.0, start));
        assert!(!bucket.take(1.0, start - Duration::from_secs(5)));
        assert!(!bucket.take(1.0, start));
    }
}
