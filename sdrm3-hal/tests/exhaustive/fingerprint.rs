//! What tells two states apart.

use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher};

use crate::world::World;

/// Takes in the debug output of a state as it is written, all but what nothing depends on.
struct Writer {
    bytes: Vec<u8>,
    now: u64,
    next_sequence: u32,
    next: Next,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Any,
    Instant,
    Sequence,
    /// Nothing that is needed, until this field.
    Ignored(&'static str),
}

impl Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Next::Ignored(until) = self.next {
            if text == until {
                self.next = Next::Any;
            }
            return Ok(());
        }
        let number = text.starts_with(|first: char| first.is_ascii_digit()).then(|| text.parse::<u64>());
        if let Some(Ok(number)) = number {
            let number = match self.next {
                Next::Instant if number != u64::MAX => number.wrapping_sub(self.now),
                Next::Sequence => u64::from(self.next_sequence.wrapping_sub(number as u32)),
                _ => number,
            };
            self.bytes.extend(number.to_le_bytes());
            self.next = Next::Any;
            return Ok(());
        }
        self.bytes.extend(text.as_bytes());
        match text {
            "Instant" => self.next = Next::Instant,
            "sequence" | "next_sequence" => self.next = Next::Sequence,
            // The tables never change. A job's segment follows from its sub-network and position.
            "workload" => self.next = Next::Ignored("policy"),
            "segment" => self.next = Next::Ignored("position"),
            // Tallies of what went wrong, which nobody reads; the last field is the time.
            "trouble" => self.next = Next::Ignored(""),
            _ => {}
        }
        Ok(())
    }
}

/// Two hashes of 64 bits: the chance that any two of a million states look alike is below 10^-26.
pub(crate) fn of(world: &World) -> u128 {
    let (now, next_sequence) = (world.now.as_nanos(), world.ledger.next_sequence);
    let mut writer = Writer { bytes: Vec::with_capacity(4096), now, next_sequence, next: Next::Any };
    write!(writer, "{:?}{:?}", world.rest(), world.runtime).expect("memory suffices");
    assert!(
        matches!(writer.next, Next::Any | Next::Ignored("")),
        "a field that ends what is ignored is gone"
    );
    let mut hashers = [DefaultHasher::new(), DefaultHasher::new()];
    hashers[1].write_u8(1);
    let [low, high] = hashers.map(|mut hasher| {
        hasher.write(&writer.bytes);
        u128::from(hasher.finish())
    });
    high << 64 | low
}
