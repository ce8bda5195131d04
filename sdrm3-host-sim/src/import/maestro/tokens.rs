//! Words and punctuation of MAESTRO's files.

use crate::input::{InputError, Source};

/// A word or one of `{ } ( ) : , ;`, and where it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'s> {
    pub(super) text: &'s str,
    at: usize,
}

/// A place in a file: reads token by token and never goes back, so that reading is linear.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'s> {
    source: &'s Source,
    at: usize,
}

impl<'s> Tokens<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        Self { source, at: 0 }
    }

    /// The next token; none at the end of the file.
    pub(super) fn next(&mut self) -> Option<Token<'s>> {
        let bytes = self.source.text.as_bytes();
        let comment = |at: usize| bytes[at..].starts_with(b"//");
        while let Some(&byte) = bytes.get(self.at) {
            if comment(self.at) {
                let line = bytes[self.at..].iter().position(|&byte| byte == b'\n');
                self.at = line.map_or(bytes.len(), |length| self.at + length);
            } else if byte.is_ascii_whitespace() {
                self.at += 1;
            } else {
                break;
            }
        }
        // All that ends a token is ASCII, so that characters stay whole.
        let start = self.at;
        let ends = |&at: &usize| is_punctuation(bytes[at]) || bytes[at].is_ascii_whitespace() || comment(at);
        let length = (start..bytes.len()).find(ends).unwrap_or(bytes.len()) - start;
        self.at = (start + length.max(1)).min(bytes.len());
        let text = self.source.text.get(start..self.at).filter(|text| !text.is_empty())?;
        Some(Token { text, at: start })
    }

    /// Takes the next token if it is this punctuation.
    pub(super) fn accept(&mut self, punctuation: &str) -> bool {
        let mut ahead = self.clone();
        let found = ahead.next().is_some_and(|token| token.text == punctuation);
        if found {
            *self = ahead;
        }
        found
    }

    /// The next token, which must be this punctuation.
    pub(super) fn expect(&mut self, punctuation: &str) -> Result<(), InputError> {
        match self.next() {
            Some(token) if token.text == punctuation => Ok(()),
            other => Err(self.unexpected(other, &format!("`{punctuation}`"))),
        }
    }

    /// The next token, which must be a word.
    pub(super) fn word(&mut self, what: &str) -> Result<Token<'s>, InputError> {
        match self.next() {
            Some(token) if !token.text.as_bytes().iter().any(|&byte| is_punctuation(byte)) => Ok(token),
            other => Err(self.unexpected(other, what)),
        }
    }

    /// The entries of a block in braces, until it is closed: each begins with a word.
    pub(super) fn block(
        &mut self,
        what: &str,
        mut entry: impl FnMut(&mut Self, Token<'s>) -> Result<(), InputError>,
    ) -> Result<(), InputError> {
        self.accept(":");
        self.expect("{")?;
        while !self.accept("}") {
            let token = self.word(what)?;
            entry(self, token)?;
            self.accept(",");
        }
        Ok(())
    }

    /// A number after a key and an optional colon.
    pub(super) fn number<T: std::str::FromStr>(
        &mut self,
        key: Token<'_>,
        range: &str,
        valid: impl Fn(&T) -> bool,
    ) -> Result<T, InputError> {
        self.accept(":");
        let value = self.word(range)?;
        value.text.parse().ok().filter(valid).ok_or_else(|| {
            let what = format!("{} is `{}`", key.text, shown(value.text));
            self.error_at(value, what, format!("give {range}"))
        })
    }

    /// Skips a block in braces with all that is nested in it.
    pub(super) fn skip_block(&mut self) -> Result<(), InputError> {
        self.accept(":");
        self.expect("{")?;
        let mut depth = 1u64;
        while depth > 0 {
            match self.next() {
                Some(Token { text: "{", .. }) => depth += 1,
                Some(Token { text: "}", .. }) => depth -= 1,
                Some(_) => {}
                None => return Err(self.unexpected(None, "`}`")),
            }
        }
        Ok(())
    }

    /// The error at a token.
    pub(super) fn error_at(
        &self,
        token: Token<'_>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> InputError {
        self.source.error_at(&(token.at..token.at), what, remedy)
    }

    /// The error that another token, or the end of the file, stands where something is expected.
    pub(super) fn unexpected(&self, found: Option<Token<'_>>, expected: &str) -> InputError {
        let end = Token { text: "", at: self.source.text.trim_end().len() };
        let found_text =
            found.map_or("the end of the file".into(), |token| format!("`{}`", shown(token.text)));
        let remedy = "see the `.m` files of MAESTRO and XRBench for the format";
        self.error_at(found.unwrap_or(end), format!("{found_text} where {expected} is expected"), remedy)
    }

    /// The error for a key that is none of the known ones.
    pub(super) fn unknown(&self, key: Token<'_>, known: &[&str]) -> InputError {
        let what = format!("unknown key `{}`", shown(key.text));
        self.error_at(key, what, format!("use one of {}", known.join(", ")))
    }
}

fn is_punctuation(byte: u8) -> bool {
    b"{}():,;".contains(&byte)
}

/// The beginning of a text, fit for a message of one line.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() { format!("{start}...") } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let source = Source { origin: "a.m".into(), text: text.into() };
        let mut tokens = Tokens::new(&source);
        std::iter::from_fn(|| tokens.next().map(|token| token.text.to_string())).collect()
    }

    #[test]
    fn words_punctuation_and_comments_are_told_apart() {
        assert_eq!(texts("K: 32,C:3 // N: 1\n}"), ["K", ":", "32", ",", "C", ":", "3", "}"]);
        assert_eq!(texts("TemporalMap(1,1) Y'; //'"), ["TemporalMap", "(", "1", ",", "1", ")", "Y'", ";"]);
        assert_eq!(texts("a/b c//d"), ["a/b", "c"], "one slash is part of a word");
        assert_eq!(texts("// only a comment"), [""; 0]);
        assert_eq!(texts("é”{ü"), ["é”", "{", "ü"]);
    }
}
