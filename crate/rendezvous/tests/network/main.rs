//! The rendezvous as its clients see it: a real server on a free port of this machine, real sockets, bare HTTP. One
//! program for all of them, since linking costs more than running.

mod common;
mod garbage;
mod holds;
mod introduces;
mod serves;
mod starts;
