//! The command line.
//!
//! Everything has a default that is safe on a developer's machine: only this machine may connect, only its pages may
//! use the rendezvous, and no file is served. `npm start` passes the directories.

use std::path::PathBuf;

use clap::Parser;
use tracing::level_filters::LevelFilter;

use crate::limits::Limits;
use crate::origin::Origin;

/// Introduces browser tabs to each other, and serves the site. It keeps nothing.
#[derive(Debug, Clone, Parser)]
#[command(name = "roundtable-rendezvous", version)]
pub struct Config {
    /// The address to listen on. 0.0.0.0 (or ::) lets other devices in.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// The port to listen on; 0 takes any that is free, and prints it.
    #[arg(long, env = "PORT", default_value_t = 8787)]
    pub port: u16,
    /// Serve the built site in this directory at `/`. Without it there is only the rendezvous.
    #[arg(long, value_name = "DIR")]
    pub site: Option<PathBuf>,
    /// Serve the built package in this directory at `/roundtable/`.
    #[arg(long, value_name = "DIR")]
    pub package: Option<PathBuf>,
    /// Let pages of this origin use the rendezvous (repeatable; `*` for any). Those of this machine always may.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub allow_origins: Vec<Origin>,
    /// What to log to the standard error: off, error, warn, info, debug or trace. Never an address or a topic.
    #[arg(long, value_name = "LEVEL", default_value_t = LevelFilter::WARN)]
    pub log: LevelFilter,
    /// How much of anything there may be.
    #[command(flatten)]
    pub limits: Limits,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn what_is_not_an_origin_is_refused_with_an_example() {
        let error = Config::try_parse_from(["x", "--allow-origin", "example.org"]).unwrap_err();
        assert!(error.to_string().contains("https://example.org"), "{error}");
    }

    #[test]
    fn a_welcome_that_would_not_fit_a_frame_is_refused() {
        assert!(Config::try_parse_from(["x", "--welcome-peers-max", "5000"]).is_err());
    }
}
