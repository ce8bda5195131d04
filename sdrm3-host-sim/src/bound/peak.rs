//! The peak of a concave function of a price, from its tangents.
//!
//! The least cost at a price of something scarce, less what is paid for all there is of it, is such a
//! function: piecewise linear, its slope is what is taken too much. Each of its values is a bound; the
//! peak is the best one.

/// The function at a price.
#[derive(Debug)]
pub(super) struct Tangent<T> {
    /// Zero or more.
    pub(super) price: f64,
    pub(super) value: f64,
    /// Negative or zero when no more is taken than there is.
    pub(super) slope: f64,
    /// What is chosen at that price.
    pub(super) choice: T,
}

/// Where the peak is.
#[derive(Debug)]
pub(super) enum Peak<T> {
    /// At price zero: it is not scarce.
    Free(Tangent<T>),
    /// Between two prices.
    Between {
        /// The highest value met.
        bound: f64,
        below: Tangent<T>,
        above: Tangent<T>,
    },
}

/// Looks for the peak: from `start` upwards until the slope turns, then where tangents meet.
pub(super) fn peak<T>(start: f64, at: impl Fn(f64) -> Tangent<T>) -> Peak<T> {
    let mut below = at(0.0);
    if below.slope <= 0.0 {
        return Peak::Free(below);
    }
    let (mut bound, mut price) = (below.value, start);
    let mut above = loop {
        let next = at(price);
        bound = bound.max(next.value);
        if next.slope <= 0.0 || price > 1e15 {
            break next;
        }
        below = next;
        price *= 6.0;
    };
    for _ in 0..16 {
        let rise = below.value - below.slope * below.price - above.value + above.slope * above.price;
        let price = rise / (above.slope - below.slope);
        if !(price > below.price && price < above.price) {
            break;
        }
        let promised = below.value + below.slope * (price - below.price);
        let next = at(price);
        bound = bound.max(next.value);
        let found = promised - next.value <= 1e-7 * promised.abs();
        let side = if next.slope <= 0.0 { &mut above } else { &mut below };
        *side = next;
        if found {
            break;
        }
    }
    Peak::Between { bound, below, above }
}

/// The share of what is chosen at the lower price, mixed with that at the higher, that takes just all.
pub(super) fn share_below<T>(below: &Tangent<T>, above: &Tangent<T>) -> f64 {
    (-above.slope / (below.slope - above.slope)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least of some lines.
    fn least(lines: &[(f64, f64)], price: f64) -> Tangent<usize> {
        let value = |&(at_zero, slope): &(f64, f64)| at_zero + slope * price;
        let choice = (0..lines.len()).min_by(|&a, &b| value(&lines[a]).total_cmp(&value(&lines[b]))).unwrap();
        Tangent { price, value: value(&lines[choice]), slope: lines[choice].1, choice }
    }

    #[test]
    fn the_peak_is_where_two_lines_meet() {
        let lines = [(0.0, 4.0), (3.0, 1.0), (6.0, -0.5), (30.0, -9.0)];
        for start in [1e-6, 0.5, 2.0, 1e6] {
            let Peak::Between { bound, below, above } = peak(start, |price| least(&lines, price)) else {
                panic!("the first line rises");
            };
            assert!((bound - 5.0).abs() < 1e-6, "{bound} from {start}");
            assert_eq!((below.choice, above.choice), (1, 2));
            assert!((share_below(&below, &above) - 1.0 / 3.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_not_scarce_is_free() {
        let Peak::Free(tangent) = peak(1.0, |price| least(&[(2.0, -1.0), (3.0, 1.0)], price)) else {
            panic!("the first line falls");
        };
        assert_eq!(tangent.value, 2.0);
    }
}
