//! What objects hold: named by a few numbers, so that the model of a long run stays small.

use super::super::model::Dice;

/// The bytes of one version. Few seeds, so that contents come again and are stored once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    seed: u64,
    pub(super) len: usize,
}

/// Seeds of a length.
const SEEDS: u64 = 40;

impl Content {
    /// One of the lengths that matter: nothing, less than a block, exactly some, several.
    pub(super) fn roll(dice: &mut Dice) -> Self {
        let len = match dice.roll(60) {
            0..=3 => 0,
            4..=14 => 1 + dice.roll(100),
            15..=34 => 4096 + dice.roll(2000),
            35..=40 => 64 << 10,
            41..=51 => 100_000 + dice.roll(3) * 64_000,
            52..=58 => 700_000,
            _ => (4 << 20) + 5,
        };
        let seed = dice.roll(SEEDS);
        Self {
            seed,
            len: len as usize,
        }
    }

    /// The bytes themselves; those of every fourth seed compress well.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut state = (self.seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let compresses = self.seed.is_multiple_of(4);
        let mut bytes = vec![0; self.len.next_multiple_of(8)];
        for (n, word) in bytes.chunks_exact_mut(8).enumerate() {
            if !compresses || n.is_multiple_of(512) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
            }
            word.copy_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(self.len);
        bytes
    }
}
