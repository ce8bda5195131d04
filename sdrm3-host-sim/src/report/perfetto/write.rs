//! The events themselves: one object each, in the JSON of the Trace Event Format.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;

use sdrm3_core::Instant;

/// What an event says beside its name.
#[derive(Debug, Default)]
pub(super) struct Args(String);

impl Args {
    pub(super) fn number(self, key: &str, value: f64) -> Self {
        let value = Number(value);
        self.add(key, |text| write!(text, "{value}"))
    }

    pub(super) fn text(self, key: &str, value: &str) -> Self {
        let value = quoted(value);
        self.add(key, |text| write!(text, "{value}"))
    }

    fn add(mut self, key: &str, value: impl FnOnce(&mut String) -> std::fmt::Result) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Into memory: cannot fail.
        let _ = write!(self.0, "{comma}\"{key}\":");
        let _ = value(&mut self.0);
        self
    }
}

/// A number of at most four places behind the point; what is none is zero.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // In integers: several times as fast as the digits of a float.
        let scaled = (self.0 * 1e4).round();
        if scaled.abs() >= 1e18 || scaled.is_nan() {
            return if self.0.is_finite() { write!(f, "{:e}", self.0) } else { f.write_str("0") };
        }
        let sign = if scaled < 0.0 { "-" } else { "" };
        let (mut digits, mut places) = (scaled.abs() as u64, 4);
        while places > 0 && digits.is_multiple_of(10) {
            (digits, places) = (digits / 10, places - 1);
        }
        match places {
            0 => write!(f, "{sign}{digits}"),
            _ => {
                let unit = 10u64.pow(places);
                write!(f, "{sign}{}.{:02$}", digits / unit, digits % unit, places as usize)
            }
        }
    }
}

/// An instant or a span in microseconds, exact to the nanosecond.
struct Micros(u64);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

fn quoted(text: &str) -> String {
    // A string is always JSON.
    serde_json::to_string(text).unwrap_or_default()
}

/// Writes events one after the other; the first error ends the writing, and is told at the end.
#[derive(Debug)]
pub(super) struct Events<W: Write> {
    out: W,
    is_first: bool,
    result: io::Result<()>,
}

impl<W: Write> Events<W> {
    pub(super) fn begin(out: W, about: &[(&str, String)]) -> Self {
        let mut events = Self { out, is_first: true, result: Ok(()) };
        let about: Vec<String> =
            about.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
        let head = format!(
            "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{{}}},\n\"traceEvents\":[\n",
            about.join(",")
        );
        events.result = events.out.write_all(head.as_bytes());
        events
    }

    pub(super) fn end(mut self) -> io::Result<W> {
        self.result?;
        self.out.write_all(b"\n]}\n")?;
        Ok(self.out)
    }

    /// An event of this phase; `rest` are its further keys.
    fn event(&mut self, phase: char, pid: u32, tid: u32, at: Instant, rest: std::fmt::Arguments<'_>) {
        if self.result.is_err() {
            return;
        }
        let comma = if self.is_first { "" } else { ",\n" };
        self.is_first = false;
        let at = Micros(at.as_nanos());
        self.result =
            write!(self.out, "{comma}{{\"ph\":\"{phase}\",\"pid\":{pid},\"tid\":{tid},\"ts\":{at}{rest}}}");
    }

    /// Names a group of tracks; groups stand in the order of their numbers.
    pub(super) fn name_group(&mut self, pid: u32, name: &str) {
        let name = quoted(name);
        let start = Instant::ZERO;
        self.event(
            'M',
            pid,
            0,
            start,
            format_args!(",\"name\":\"process_name\",\"args\":{{\"name\":{name}}}"),
        );
        let order = format_args!(",\"name\":\"process_sort_index\",\"args\":{{\"sort_index\":{pid}}}");
        self.event('M', pid, 0, start, order);
    }

    /// Names a track; tracks of a group stand in the order of their numbers.
    pub(super) fn name_track(&mut self, pid: u32, tid: u32, name: &str) {
        let name = quoted(name);
        let start = Instant::ZERO;
        self.event(
            'M',
            pid,
            tid,
            start,
            format_args!(",\"name\":\"thread_name\",\"args\":{{\"name\":{name}}}"),
        );
        let order = format_args!(",\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{tid}}}");
        self.event('M', pid, tid, start, order);
    }

    /// Something that took from one instant to another.
    pub(super) fn slice(
        &mut self,
        pid: u32,
        tid: u32,
        category: &str,
        name: &str,
        during: Range<Instant>,
        args: &Args,
    ) {
        let (name, args) = (quoted(name), &args.0);
        let Range { start: from, end: to } = during;
        let duration = Micros(to.saturating_since(from).as_nanos());
        self.event(
            'X',
            pid,
            tid,
            from,
            format_args!(",\"dur\":{duration},\"name\":{name},\"cat\":\"{category}\",\"args\":{{{args}}}"),
        );
    }

    /// Something that begins; its end comes with [`end_slice`](Self::end_slice).
    pub(super) fn begin_slice(
        &mut self,
        pid: u32,
        tid: u32,
        category: &str,
        name: &str,
        at: Instant,
        args: &Args,
    ) {
        let (name, args) = (quoted(name), &args.0);
        self.event(
            'B',
            pid,
            tid,
            at,
            format_args!(",\"name\":{name},\"cat\":\"{category}\",\"args\":{{{args}}}"),
        );
    }

    /// What began last on this track ends.
    pub(super) fn end_slice(&mut self, pid: u32, tid: u32, at: Instant) {
        self.event('E', pid, tid, at, format_args!(""));
    }

    /// Something that happened at an instant, on a track.
    pub(super) fn mark(&mut self, pid: u32, tid: u32, name: &str, at: Instant, args: &Args) {
        let (name, args) = (quoted(name), &args.0);
        self.event('i', pid, tid, at, format_args!(",\"s\":\"t\",\"name\":{name},\"args\":{{{args}}}"));
    }

    /// A point of an arrow: its start `s`, a step `t`, its end `f`; it binds to the slice at that instant.
    pub(super) fn flow(&mut self, phase: char, pid: u32, tid: u32, id: u64, at: Instant) {
        let binds = if phase == 'f' { ",\"bp\":\"e\"" } else { "" };
        self.event(
            phase,
            pid,
            tid,
            at,
            format_args!(",\"id\":{id},\"name\":\"frame\",\"cat\":\"flow\"{binds}"),
        );
    }

    /// A value from this instant on.
    pub(super) fn counter(&mut self, pid: u32, name: &str, at: Instant, value: f64) {
        let (name, value) = (quoted(name), Number(value));
        self.event('C', pid, 0, at, format_args!(",\"name\":{name},\"args\":{{\"value\":{value}}}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_json_and_no_longer_than_they_need_to_be() {
        let written = |value| Number(value).to_string();
        let cases =
            [(0.0, "0"), (-0.00001, "0"), (1.5, "1.5"), (-2.25, "-2.25"), (3.00004, "3"), (0.0123, "0.0123")];
        for (value, text) in cases {
            assert_eq!(written(value), text);
        }
        assert_eq!((written(f64::NAN), written(f64::INFINITY)), ("0".into(), "0".into()));
        for value in [1e15, -9.2e18, 1e300, 123_456.789] {
            let back: f64 = serde_json::from_str(&written(value)).expect("JSON");
            assert!((back / value - 1.0).abs() < 1e-12, "{value}");
        }
        assert_eq!(Micros(1_234_005).to_string(), "1234.005");
    }
}
