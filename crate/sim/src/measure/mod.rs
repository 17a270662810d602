//! Figures, each against its bar.
//!
//! A *subject* is one file here: it builds rooms on the virtual network, drives them, and returns [`Figure`]s. Time in
//! them is virtual, so the same build gives the same figures on every machine; where real time matters, a figure is a
//! ratio against a floor or a rival measured in the same run, and rounded on the page. A figure without a bar is there
//! to be read.

mod detection;
mod gossip;
mod memory;
mod repair;
mod requests;
mod ring;
mod rival;
mod stock;
mod thousand;
mod throttled;
mod throughput;
mod transfer;

use std::fmt::Write as _;

use serde_json::{Value, json};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// How evenly the ring spreads keys, and how few move.
    Ring,
    /// What membership costs while nothing happens.
    Gossip,
    /// How soon the dead are suspected, and how seldom the living.
    Detection,
    /// What a comparison of two stores costs.
    Repair,
    /// What moves when nodes come and go.
    Transfer,
    /// What a put and a get cost where nobody is away.
    Requests,
    /// How many puts and gets one core carries.
    Throughput,
    /// How much memory a key takes.
    Memory,
    /// What a thousand nodes in one process cost, and how they take it when many die.
    Thousand,
}

impl Subject {
    /// All of them, in the order of the page.
    pub const ALL: [Subject; 8] = [
        Subject::Ring,
        Subject::Gossip,
        Subject::Detection,
        Subject::Repair,
        Subject::Transfer,
        Subject::Requests,
        Subject::Throughput,
        Subject::Memory,
    ];

    /// As it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Subject::Ring => "ring",
            Subject::Gossip => "gossip",
            Subject::Detection => "detection",
            Subject::Repair => "repair",
            Subject::Transfer => "transfer",
            Subject::Requests => "requests",
            Subject::Throughput => "throughput",
            Subject::Memory => "memory",
            Subject::Thousand => "thousand",
        }
    }
}

/// What was asked for; `None`: every setting that the subject's bars name.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many nodes.
    pub nodes: Option<usize>,
    /// How many frames of a hundred are lost.
    pub loss_percent: Option<u8>,
    /// Only some of those settings, which take seconds: for tests.
    pub quick: bool,
}

/// What a figure has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bar {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// In which setting: "16 nodes, 30 % loss".
    pub setting: String,
    /// What came out.
    pub value: f64,
    /// Of what: "ms", "bytes", "x".
    pub unit: &'static str,
    /// What it has to be, if anything.
    pub bar: Option<Bar>,
}

impl Figure {
    /// Whether it is what it has to be.
    pub fn holds(&self) -> bool {
        match self.bar {
            None => true,
            Some(Bar::AtMost(most)) => self.value <= most,
            Some(Bar::AtLeast(least)) => self.value >= least,
        }
    }

    /// For programs to read.
    pub fn to_json(&self) -> Value {
        let (at_most, at_least) = match self.bar {
            None => (None, None),
            Some(Bar::AtMost(most)) => (Some(most), None),
            Some(Bar::AtLeast(least)) => (None, Some(least)),
        };
        json!({
            "what": self.what, "setting": self.setting, "value": self.value, "unit": self.unit,
            "at_most": at_most, "at_least": at_least, "holds": self.holds(),
        })
    }

    fn cells(&self) -> [String; 5] {
        let number = |value: f64| match value.abs() {
            _ if value.fract() == 0.0 => format!("{value:.0}"),
            big if big >= 100.0 => format!("{value:.0}"),
            _ => format!("{value:.2}"),
        };
        let bar = match self.bar {
            None => String::new(),
            Some(Bar::AtMost(most)) => format!("≤ {}", number(most)),
            Some(Bar::AtLeast(least)) => format!("≥ {}", number(least)),
        };
        let verdict = match self.bar {
            None => "",
            Some(_) if self.holds() => "holds",
            Some(_) => "MISSED",
        };
        [
            self.what.clone(),
            self.setting.clone(),
            format!("{} {}", number(self.value), self.unit).trim_end().to_string(),
            bar,
            verdict.to_string(),
        ]
    }
}

/// Measure one subject.
pub fn run(subject: Subject, options: &Options) -> Vec<Figure> {
    match subject {
        Subject::Ring => ring::measure(options),
        Subject::Gossip => gossip::measure(options),
        Subject::Detection => detection::measure(options),
        Subject::Repair => repair::measure(options),
        Subject::Transfer => transfer::measure(options),
        Subject::Requests => requests::measure(options),
        Subject::Throughput => throughput::measure(options),
        Subject::Memory => memory::measure(options),
        Subject::Thousand => thousand::measure(options),
    }
}

/// For people to read, on a terminal and on a page alike: a table of Markdown a subject, its columns aligned.
pub fn table(measured: &[(Subject, Vec<Figure>)]) -> String {
    let mut text = String::new();
    for (subject, figures) in measured {
        let head = ["what", "setting", "figure", "bar", ""].map(String::from);
        let rows: Vec<[String; 5]> = std::iter::once(head).chain(figures.iter().map(Figure::cells)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        let _ = writeln!(text, "## {}\n", subject.name());
        for (index, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!(" {cell:<width$} |"));
            let _ = writeln!(text, "|{}", cells.collect::<String>());
            if index == 0 {
                let rule = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2)));
                let _ = writeln!(text, "|{}", rule.collect::<String>());
            }
        }
        text.push('\n');
    }
    text
}

/// The page that keeps the figures. It says the same on every machine: of real time only ratios, roughly.
pub fn page(measured: &[(Subject, Vec<Figure>)]) -> String {
    let head = "# Measured\n\n\
        Made by `cargo run --release -p roundtable-sim -- measure all --write`; do not edit.\n\
        Time is virtual, so the figures are the same on every machine. Only throughput is of real time: of it\n\
        there are rounded ratios here; the command prints all. What each figure counts is said at the top of its\n\
        subject's file in [`src/measure`](src/measure).\n\n";
    let rough = |figure: &Figure| {
        let step = if figure.value.abs() < 2.0 { 0.1 } else { 1.0 };
        Figure { value: (figure.value / step).round() * step, ..figure.clone() }
    };
    let told = |(subject, figures): &(Subject, Vec<Figure>)| match subject {
        Subject::Throughput => (*subject, figures.iter().filter(|figure| figure.unit == "x").map(rough).collect()),
        _ => (*subject, figures.clone()),
    };
    let tables = table(&measured.iter().map(told).collect::<Vec<_>>());
    format!("{head}{}\n", tables.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_real_time_the_page_tells_rounded_ratios() {
        let figure = |value, unit| Figure { what: "put".into(), setting: String::new(), value, unit, bar: None };
        let page = page(&[(Subject::Throughput, vec![figure(54_321.0, "a second"), figure(7.63, "x")])]);
        assert!(page.contains("| 8 x ") && !page.contains("a second"), "{page}");
    }

    #[test]
    fn a_figure_holds_up_to_its_bar_and_not_beyond() {
        let figure = |value, bar| Figure { what: String::new(), setting: String::new(), value, unit: "", bar };
        assert!(figure(1.0, Some(Bar::AtMost(1.0))).holds() && !figure(1.1, Some(Bar::AtMost(1.0))).holds());
        assert!(figure(1.0, Some(Bar::AtLeast(1.0))).holds() && !figure(0.9, Some(Bar::AtLeast(1.0))).holds());
        assert!(figure(7.0, None).holds());
        assert!(!figure(f64::NAN, Some(Bar::AtMost(1.0))).holds(), "what could not be measured does not hold");
    }
}
