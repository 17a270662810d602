//! The program itself: what it prints, how it ends.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn program(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundtable-rendezvous"));
    command.args(flags).env_remove("HOST").env_remove("PORT").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Ends with the test, whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Start it, and read until the line that contains this.
fn start(command: &mut Command, line_with: &str) -> (Running, String) {
    let mut running = Running(command.spawn().expect("it starts"));
    let stdout = running.0.stdout.take().expect("it is piped");
    let line = BufReader::new(stdout).lines().map_while(Result::ok).find(|line| line.contains(line_with));
    (running, line.expect("it prints where it is"))
}

fn port_of(line: &str) -> u16 {
    let digits = line.rsplit_once(':').expect("a port").1.trim_end_matches("/rendezvous").trim_end_matches('/');
    digits.parse().expect("a port")
}

#[test]
fn on_port_0_it_prints_the_port_that_it_took_and_a_signal_ends_it_within_a_second() {
    for signal in ["-TERM", "-INT"] {
        let (mut running, line) = start(&mut program(&["--port", "0"]), "ws://127.0.0.1:");
        let port = port_of(&line);
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let begun = Instant::now();
        Command::new("kill").args([signal, &running.0.id().to_string()]).status().expect("kill is there");
        let status = running.0.wait().expect("it ends");
        assert!(status.success() && begun.elapsed() < Duration::from_secs(1), "{status} after {:?}", begun.elapsed());
    }
}

#[test]
fn a_port_in_use_is_said_clearly() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = program(&[]).env("PORT", &port).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("port {port} is in use")) && said.contains("set PORT"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_host_that_is_not_ours_is_said_clearly() {
    let output = program(&["--port", "0"]).env("HOST", "192.0.2.1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("192.0.2.1") && said.contains("HOST"), "{said}");
}

#[test]
fn a_site_that_is_not_built_is_no_reason_to_stop_but_is_said() {
    let (mut running, line) = start(&mut program(&["--port", "0", "--site", "/nonexistent"]), "http://127.0.0.1:");
    assert_ne!(port_of(&line), 0);
    let mut stderr = running.0.stderr.take().expect("it is piped");
    std::thread::sleep(Duration::from_millis(100));
    assert!(running.0.try_wait().unwrap().is_none(), "it ended");
    running.0.kill().unwrap();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("npm start"), "{said}");
}
