//! The seeded source of every choice the model makes (SplitMix64, public domain).
//! It is no source of secrets, and it must never read a clock or the system: a run has to repeat itself.

/// A generator of numbers that look random and are the same for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator for `seed`; near seeds give unrelated numbers.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to just under 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        // 53 bits fill an f64 exactly, so the quotient never rounds up to 1.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(self.next() % span)
    }

    /// A duration between the two, most of them short and a few very long: how generated clips behave.
    pub(crate) fn heavy_tail(&mut self, low: u64, high: u64) -> u64 {
        let far = self.fraction().powi(3);
        low.saturating_add((high.saturating_sub(low) as f64 * far) as u64)
    }

    /// True in about `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: u8) -> bool {
        self.next() % 100 < u64::from(percent)
    }

    /// Text in the shape of a version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let high = (self.next() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
        let low = (self.next() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_gives_the_published_sequence() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn an_id_looks_like_a_uuid() {
        let id = Random::new(7).uuid();
        assert_eq!(id.len(), 36, "{id}");
        assert_eq!(id.matches('-').count(), 4, "{id}");
        assert_eq!(id.get(14..15), Some("4"), "{id}");
    }

    #[test]
    fn durations_stay_within_their_bounds() {
        let mut random = Random::new(0);
        for _ in 0..10_000 {
            let long = random.heavy_tail(20, 180);
            assert!((20..=180).contains(&long));
            assert!((4..=8).contains(&random.between(4, 8)));
        }
    }
}
