//! The column `branch`: what may follow a layer, in the words of the recordings' `path`, with how likely it is.

use crate::network::Branch;

/// How to mend one that is not understood.
pub(super) const REMEDY: &str =
    "give next, exit P or skip N P, where P is a probability from 0 to 1 and N at least 1 layer";

/// Nothing is `next`.
pub(super) fn parse(text: &str) -> Option<Branch> {
    let probability = |text: &str| text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    let layers = |text: &str| text.parse().ok().filter(|&layers| layers > 0);
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [] | ["next"] => Some(Branch::Next),
        ["exit", p] => Some(Branch::Exit { probability: probability(p)? }),
        ["skip", n, p] => Some(Branch::Skip { layers: layers(n)?, probability: probability(p)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back() {
        for (text, branch) in [
            ("next", Branch::Next),
            ("exit 0.25", Branch::Exit { probability: 0.25 }),
            ("skip 3 1", Branch::Skip { layers: 3, probability: 1.0 }),
            ("skip 65535 0", Branch::Skip { layers: u16::MAX, probability: 0.0 }),
        ] {
            assert_eq!((parse(text), branch.to_string()), (Some(branch), text.into()));
        }
        assert_eq!(parse(""), Some(Branch::Next));
        assert_eq!(parse("  skip  2   0.5 "), Some(Branch::Skip { layers: 2, probability: 0.5 }));
    }

    #[test]
    fn what_is_no_branch_is_none() {
        for text in [
            "exit",
            "exit 1.1",
            "exit -0.1",
            "exit NaN",
            "exit inf",
            "exit half",
            "exit 0.5 0.5",
            "skip",
            "skip 2",
            "skip 0 0.5",
            "skip -1 0.5",
            "skip 1.5 0.5",
            "skip 65536 0.5",
            "skip 2 2",
            "skip 0.5 2",
            "next 1",
            "Exit 0.5",
            "jump",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
