//! Sizes in bytes, as people write them: 512MiB, 10GB.

use bytesize::ByteSize;

/// The largest size that is accepted: no disk is larger.
const SIZE_MAX: u64 = 1 << 60;

/// Returns the bytes that a text such as `512MiB`, `10GB` or `4096` means.
///
/// # Errors
/// The text is not a size, or over 2^60 bytes.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let size = text.parse::<ByteSize>().map_err(|_| "expected a size like 512MiB, 10GB or 0".to_owned())?;
    match size.as_u64() {
        bytes if bytes <= SIZE_MAX => Ok(bytes),
        _ => Err("at most 1024PiB".to_owned()),
    }
}

/// Returns a size for people, in binary units.
pub(super) fn display(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in
            [("0", 0), ("4096", 4_096), ("512MiB", 512 << 20), ("10GB", 10_000_000_000), ("1.5 KiB", 1_536)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "much", "-1", "10 apples", "9999999PiB", "1e400", "nan", "inf"] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
        assert_eq!(display(512 << 20), "512.0 MiB");
    }
}
