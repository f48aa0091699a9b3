//! Tidiness: what files import, read from their text.

mod imports;
mod source;
