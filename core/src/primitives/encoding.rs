//! Fixed layouts: a cursor over bytes from outside, and the one error for bytes that do not fit
//! their layout.
//!
//! Specified in PROTOCOL.md, "Conventions".
//!
//! Every length is checked against the remaining bytes before anything is copied, so that a hostile
//! length costs nothing.

/// The reason why bytes are not a valid encoding of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("{field}: {needed} bytes needed, {left} left")]
    Short {
        /// The field that was being read.
        field: &'static str,
        /// Its size in bytes.
        needed: usize,
        /// The number of remaining bytes.
        left: usize,
    },
    /// Bytes follow the last field.
    #[error("{count} bytes too many at the end")]
    Trailing {
        /// The number of trailing bytes.
        count: usize,
    },
    /// A length or count is outside its limits.
    #[error("{field}: {found} is outside {min} to {max}")]
    Size {
        /// The field whose size is wrong.
        field: &'static str,
        /// The least allowed.
        min: usize,
        /// The most allowed.
        max: usize,
        /// The value in the bytes.
        found: usize,
    },
    /// A text is not UTF-8.
    #[error("{field}: not UTF-8")]
    Utf8 {
        /// The field that was being read.
        field: &'static str,
    },
    /// A value that is invalid for its type.
    #[error("{field}: not a valid value")]
    Value {
        /// The field that was being read.
        field: &'static str,
    },
}

/// Reads a fixed layout from its first byte to its last.
///
/// ```
/// use plexus_core::primitives::encoding::{DecodeError, Reader};
///
/// let mut reader = Reader::new(&[0, 2, b'h', b'i', 9]);
/// assert_eq!(reader.text("greeting", 1, 10), Ok("hi"));
/// let short = DecodeError::Short { field: "port", needed: 2, left: 1 };
/// assert_eq!(reader.u16("port"), Err(short));
/// assert_eq!(reader.end(), Err(DecodeError::Trailing { count: 1 }));
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Creates a reader at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns the number of remaining bytes.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Takes and returns the next `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer are left.
    pub fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(DecodeError::Short { field, needed: count, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the next `N` bytes and returns them as an array.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::Short { field, needed: N, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes and returns a big-endian u16.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer than 2 bytes are left.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    /// Takes and returns a big-endian u32.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer than 4 bytes are left.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// Takes and returns a big-endian u64.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer than 8 bytes are left.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// Takes and returns a big-endian u128.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer than 16 bytes are left.
    pub fn u128(&mut self, field: &'static str) -> Result<u128, DecodeError> {
        Ok(u128::from_be_bytes(self.array(field)?))
    }

    /// Takes and returns a number of at most `max` in the shortest form of unsigned LEB128: seven
    /// bits a byte, the lowest first.
    ///
    /// # Errors
    /// Too few bytes, a number over `max`, or one that takes more bytes than it needs.
    ///
    /// # Examples
    /// ```
    /// use plexus_core::primitives::encoding::{DecodeError, Reader};
    ///
    /// assert_eq!(Reader::new(&[0xac, 0x02]).varint("count", 1_000), Ok(300));
    /// let wrong = Err(DecodeError::Value { field: "count" });
    /// assert_eq!(Reader::new(&[0xac, 0x02]).varint("count", 299), wrong);
    /// // A longer form of the same number is invalid.
    /// assert_eq!(Reader::new(&[0x81, 0x00]).varint("count", 299), wrong);
    /// ```
    pub fn varint(&mut self, field: &'static str, max: u128) -> Result<u128, DecodeError> {
        let mut number = 0;
        for shift in (0..u128::BITS).step_by(7) {
            let [byte] = self.array(field)?;
            let seven = u128::from(byte & 0x7f);
            let placed = seven << shift;
            let idle = byte == 0 && shift > 0;
            if placed >> shift != seven || idle {
                break;
            }
            number |= placed;
            if byte & 0x80 == 0 {
                return if number <= max { Ok(number) } else { Err(DecodeError::Value { field }) };
            }
        }
        Err(DecodeError::Value { field })
    }

    /// Takes a u16 length and as many bytes of UTF-8, and returns the text.
    ///
    /// # Errors
    /// A length outside `min..=max`, too few bytes, or bytes that are not UTF-8.
    pub fn text(&mut self, field: &'static str, min: usize, max: usize) -> Result<&'a str, DecodeError> {
        let length = usize::from(self.u16(field)?);
        if length < min || length > max {
            return Err(DecodeError::Size { field, min, max, found: length });
        }
        core::str::from_utf8(self.take(field, length)?).map_err(|_| DecodeError::Utf8 { field })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] if bytes are left.
    pub fn end(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(DecodeError::Trailing { count }),
        }
    }
}

/// Writes a number as unsigned LEB128, in the form that [`Reader::varint`] reads.
///
/// ```
/// use plexus_core::primitives::encoding::{Reader, put_varint};
///
/// let mut bytes = Vec::new();
/// put_varint(&mut bytes, 300);
/// assert_eq!(bytes, [0xac, 0x02]);
/// assert_eq!(Reader::new(&bytes).varint("count", u128::MAX), Ok(300));
/// ```
pub fn put_varint(out: &mut Vec<u8>, mut number: u128) {
    loop {
        let seven = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            out.push(seven);
            return;
        }
        out.push(seven | 0x80);
    }
}

/// Writes a text as a u16 length and its bytes.
///
/// # Panics
/// If the text is over 65,535 bytes. The types that are written have lower caps.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("texts in layouts are capped below 64 KiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_has_one_form_and_keeps_to_its_cap() {
        for number in [0, 1, 127, 128, 300, u128::from(u64::MAX), u128::MAX - 1, u128::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            assert_eq!(Reader::new(&bytes).varint("n", u128::MAX), Ok(number));
            let over = number.checked_sub(1).map(|max| Reader::new(&bytes).varint("n", max));
            assert!(over.is_none_or(|read| read == Err(DecodeError::Value { field: "n" })));
            for end in 0..bytes.len() {
                let read = Reader::new(&bytes[..end]).varint("n", u128::MAX);
                assert!(matches!(read, Err(DecodeError::Short { .. })));
            }
        }
        let wide = [&[0xff; 18][..], &[0x04]].concat();
        for wrong in [&[0x80, 0][..], &[0xff, 0x80, 0], &wide, &[0xff; 20]] {
            assert_eq!(Reader::new(wrong).varint("n", u128::MAX), Err(DecodeError::Value { field: "n" }));
        }
    }
}
