//! Turns the defmt frames on standard input into lines on standard output, with the format strings of
//! the ELF file that is named: `qemu-system-arm ... | decode ELF`.
//!
//! A line of `defmt::println!` comes as it is, one of a level with its time and level in front.

use std::error::Error;
use std::io::{self, Read, Write};
use std::{env, fs};

use defmt_decoder::{DecodeError, Table};

fn main() -> Result<(), Box<dyn Error>> {
    let elf = env::args().nth(1).ok_or("name the ELF file that the frames come from")?;
    let table = Table::parse(&fs::read(&elf)?)?.ok_or("the ELF file has no defmt section")?;
    let mut decoder = table.new_stream_decoder();
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut bytes = [0; 4096];
    loop {
        let count = input.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        decoder.received(&bytes[..count]);
        loop {
            match decoder.decode() {
                Ok(frame) => match frame.level() {
                    Some(_) => writeln!(output, "{}", frame.display(false))?,
                    None => writeln!(output, "{}", frame.display_message())?,
                },
                Err(DecodeError::UnexpectedEof) => break,
                Err(DecodeError::Malformed) => return Err("a malformed frame".into()),
            }
        }
    }
}
