//! Fixed layouts: a cursor over bytes from outside, and the one error of bytes that do not fit their layout.
//!
//! Every length is checked against what is left before anything is copied, so that a hostile length costs nothing.

/// Why bytes are not the value that they were read as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("{field}: {needed} bytes needed, {left} left")]
    Short {
        /// The field that was being read.
        field: &'static str,
        /// Its size in bytes.
        needed: usize,
        /// What was left.
        left: usize,
    },
    /// Bytes follow the last field.
    #[error("{count} bytes too many at the end")]
    Trailing {
        /// How many.
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
        /// What the bytes say.
        found: usize,
    },
    /// A text is not UTF-8.
    #[error("{field}: not UTF-8")]
    Utf8 {
        /// The field that was being read.
        field: &'static str,
    },
    /// A value that its type does not have.
    #[error("{field}: not a valid value")]
    Value {
        /// The field that was being read.
        field: &'static str,
    },
}

/// Reads a fixed layout from its first byte to its last.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Takes the next `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when fewer are left.
    pub fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(DecodeError::Short { field, needed: count, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when fewer are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::Short { field, needed: N, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes a big-endian u16.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when fewer than 2 bytes are left.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    /// Takes a big-endian u32.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when fewer than 4 bytes are left.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }

    /// Takes a big-endian u64.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when fewer than 8 bytes are left.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }

    /// Takes a big-endian u128.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when fewer than 16 bytes are left.
    pub fn u128(&mut self, field: &'static str) -> Result<u128, DecodeError> {
        Ok(u128::from_be_bytes(self.array(field)?))
    }

    /// Takes a u16 length and that many bytes of UTF-8.
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
    /// [`DecodeError::Trailing`] when bytes are left.
    pub fn end(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(DecodeError::Trailing { count }),
        }
    }
}

/// Writes a text as a u16 length and its bytes.
///
/// # Panics
/// When the text is over 65,535 bytes: the types that are written have lower caps.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("texts in layouts are capped below 64 KiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}
