//! The field GF(2⁸) with the polynomial x⁸ + x⁴ + x³ + x² + 1 (0x11D), in which 2 generates all but zero.

/// The polynomial without its leading term.
const POLYNOMIAL: u8 = 0x1d;

/// Powers of 2, twice over, so that sums of two logarithms need no reduction.
const EXP: [u8; 510] = {
    let mut table = [0; 510];
    let mut value = 1u8;
    let mut at = 0;
    while at < 255 {
        table[at] = value;
        table[at + 255] = value;
        value = double(value);
        at += 1;
    }
    table
};

/// Logarithms to the base 2; that of zero is not used.
const LOG: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 255 {
        table[EXP[at] as usize] = at as u8;
        at += 1;
    }
    table
};

const fn double(value: u8) -> u8 {
    let carry = value >> 7;
    (value << 1) ^ (carry * POLYNOMIAL)
}

/// The product of two elements.
pub(crate) const fn mul(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    EXP[LOG[a as usize] as usize + LOG[b as usize] as usize]
}

/// The element that times `a` is one. Zero has none; its answer is zero.
pub(crate) const fn inverse(a: u8) -> u8 {
    if a == 0 {
        return 0;
    }
    EXP[255 - LOG[a as usize] as usize]
}

/// `base` to the power `exponent`; anything to the power zero is one.
pub(crate) fn power(base: u8, exponent: usize) -> u8 {
    (0..exponent).fold(1, |product, _| mul(product, base))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The product by the definition: polynomials, reduced bit by bit.
    fn slow(a: u8, b: u8) -> u8 {
        let terms = (0..8).filter(|bit| b >> bit & 1 == 1);
        terms.fold(0, |sum, bit| {
            sum ^ (0..bit).fold(a, |value, _| double(value))
        })
    }

    #[test]
    fn products_and_inverses() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(mul(a, b), slow(a, b), "{a} × {b}");
            }
            if a > 0 {
                assert_eq!(mul(a, inverse(a)), 1, "{a}");
            }
        }
        assert_eq!(
            (power(2, 0), power(2, 8), power(0, 0), power(0, 3)),
            (1, 0x1d, 1, 0)
        );
    }
}
