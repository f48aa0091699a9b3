//! Bounded values: lists, bytes and texts whose cap is checked before anything is allocated.

use core::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list with a cap that is checked before anything is allocated.
///
/// ```
/// use plexus_core::protocol::bounded::BoundedVec;
///
/// assert_eq!(BoundedVec::<_, 2>::new(vec![1, 2, 3]).into_inner(), [1, 2]);
/// // More items than the cap are an error, before any of them is read.
/// let bytes = postcard::to_allocvec(&vec![1u8, 2, 3]).unwrap();
/// assert!(postcard::from_bytes::<BoundedVec<u8, 3>>(&bytes).is_ok());
/// assert!(postcard::from_bytes::<BoundedVec<u8, 2>>(&bytes).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BoundedVec<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> BoundedVec<T, MAX> {
    /// Creates a list of the first `MAX` of `items`.
    pub fn new(mut items: Vec<T>) -> Self {
        items.truncate(MAX);
        Self(items)
    }

    /// Returns the items.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for BoundedVec<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "at most {MAX} items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                let count = seq.size_hint().unwrap_or(0);
                if count > MAX {
                    return Err(A::Error::invalid_length(count, &self));
                }
                // An item takes at least a byte, but may be larger in memory. So the list grows
                // only as items arrive.
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX {
                        return Err(A::Error::invalid_length(MAX + 1, &self));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(Items::<T, MAX>(PhantomData)).map(Self)
    }
}

/// Bytes with a cap on their number.
///
/// ```
/// use plexus_core::protocol::bounded::BoundedBytes;
///
/// assert_eq!(BoundedBytes::<3>::new(vec![1, 2, 3]).as_bytes(), [1, 2, 3]);
/// // A part of the bytes would be useless, so too many become none.
/// assert!(BoundedBytes::<2>::new(vec![1, 2, 3]).as_bytes().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundedBytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> BoundedBytes<MAX> {
    /// Creates a value of these bytes. It is empty if there are more than `MAX`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(if bytes.len() > MAX { Vec::new() } else { bytes })
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> Serialize for BoundedBytes<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for BoundedBytes<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        if bytes.len() > MAX {
            return Err(D::Error::invalid_length(bytes.len(), &"fewer bytes"));
        }
        Ok(Self(bytes.to_vec()))
    }
}

/// A text with a cap in bytes.
///
/// ```
/// use plexus_core::protocol::bounded::BoundedString;
///
/// assert_eq!(BoundedString::<8>::new("hello").as_str(), "hello");
/// // It is cut between characters: "ü" has two bytes.
/// assert_eq!(BoundedString::<2>::new("aü").as_str(), "a");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BoundedString<const MAX: usize>(String);

impl<const MAX: usize> BoundedString<MAX> {
    /// Creates a text from as much of `text` as fits.
    pub fn new(text: &str) -> Self {
        let end = (0..=MAX.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        Self(text[..end].to_owned())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for BoundedString<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        if text.len() > MAX {
            return Err(D::Error::invalid_length(text.len(), &"a shorter text"));
        }
        Ok(Self(text.to_owned()))
    }
}
