//! The least product of two sums over a region that only half-planes are known of.

/// What is known of the pairs (P, Q) that runs can reach: both are at least their least, and each cut
/// `alpha P + beta Q >= h` holds. `P Q` is quasi-concave where P and Q are positive, so its minimum over
/// such a region lies at a corner.
#[derive(Clone, Debug)]
pub(super) struct Region {
    /// Corners by rising P and falling Q; a ray goes up from the first and right from the last.
    corners: Vec<(f64, f64)>,
}

impl Region {
    /// All pairs that are at least these.
    pub(super) fn new(p: f64, q: f64) -> Self {
        Self { corners: vec![(p, q)] }
    }

    /// The corner with the least product.
    pub(super) fn least(&self) -> (f64, f64) {
        self.corners.iter().copied().min_by(|a, b| (a.0 * a.1).total_cmp(&(b.0 * b.1))).unwrap_or((0.0, 0.0))
    }

    /// Takes away what lies below `alpha P + beta Q >= h`; `alpha` and `beta` are above 0.
    pub(super) fn cut(&mut self, alpha: f64, beta: f64, h: f64) {
        let height = |&(p, q): &(f64, f64)| alpha * p + beta * q - h;
        let (Some(first), Some(last)) = (
            self.corners.iter().position(|c| height(c) < 0.0),
            self.corners.iter().rposition(|c| height(c) < 0.0),
        ) else {
            return;
        };
        let between = |inside: (f64, f64), outside: (f64, f64)| {
            let (a, b) = (height(&inside), height(&outside));
            let t = a / (a - b);
            (inside.0 + t * (outside.0 - inside.0), inside.1 + t * (outside.1 - inside.1))
        };
        let (low, high) = (self.corners[first], self.corners[last]);
        let enter = match first.checked_sub(1) {
            Some(before) => between(self.corners[before], low),
            None => (low.0, (h - alpha * low.0) / beta),
        };
        let leave = match self.corners.get(last + 1) {
            Some(&after) => between(after, high),
            None => ((h - beta * high.1) / alpha, high.1),
        };
        self.corners.splice(first..=last, [enter, leave]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_raise_the_least_product_to_that_of_the_region() {
        let mut region = Region::new(1.0, 1.0);
        assert_eq!(region.least(), (1.0, 1.0));
        region.cut(1.0, 1.0, 4.0);
        assert_eq!(region.corners, [(1.0, 3.0), (3.0, 1.0)]);
        region.cut(1.0, 1.0, 3.0);
        assert_eq!(region.corners.len(), 2, "what is known already takes nothing away");
        region.cut(2.0, 1.0, 6.0); // takes (1, 3) away: meets the ray at (1, 4) and the edge at (2, 2)
        assert_eq!(region.corners, [(1.0, 4.0), (2.0, 2.0), (3.0, 1.0)]);
        assert_eq!(region.least(), (3.0, 1.0));
        region.cut(1.0, 10.0, 1e3);
        assert_eq!(region.corners.len(), 2, "all are below: only the rays are left");
    }

    /// Around a disc, tangents leave the least product of its points.
    #[test]
    fn the_corner_of_least_product_is_approached_from_below() {
        // Points (3 + cos, 3 + sin): the product is least at (3 - 1/sqrt 2) squared... or at an axis end.
        let least = (0..3600)
            .map(|step| f64::from(step).to_radians() / 10.0)
            .map(|angle| (3.0 + angle.cos()) * (3.0 + angle.sin()))
            .fold(f64::INFINITY, f64::min);
        let mut region = Region::new(2.0, 2.0);
        let mut last = 0.0;
        for _ in 0..30 {
            let (p, q) = region.least();
            assert!(p * q >= last - 1e-12 && p * q <= least + 1e-9, "{} {last} {least}", p * q);
            last = p * q;
            let (alpha, beta) = (q, p);
            region.cut(alpha, beta, 3.0 * (alpha + beta) - alpha.hypot(beta));
        }
        assert!(last > 0.999 * least);
    }
}
