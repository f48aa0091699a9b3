//! Chooses how a response is encoded: the client's `Accept-Encoding` and `Accept`, with their
//! quality values (RFC 9110, section 12.5).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_ENCODING;

/// The most encodings or media types of a request that are read. Browsers send few.
const ENCODINGS_MAX: usize = 16;

/// How the bytes of a response are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// All encodings, the smallest first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// Returns its name in headers. Bytes as they are need no name.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// Returns the encodings that a client accepts, the one that it prefers first. Of those that it
/// likes equally, the smallest comes first. A client that names no encoding gets the bytes as they
/// are, because not all clients that do so can decode.
pub(crate) fn preferred(headers: &HeaderMap) -> Vec<Encoding> {
    let listed: Vec<(&str, u16)> = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .take(ENCODINGS_MAX)
        .filter_map(coding)
        .collect();
    let quality_of = |name: &str| {
        let quality = |wanted: &str| {
            listed.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, quality)| *quality)
        };
        quality(name).or_else(|| quality("*"))
    };
    let mut accepted: Vec<(u16, Encoding)> = Encoding::ALL
        .into_iter()
        .filter_map(|encoding| match encoding.name() {
            Some(name) => Some((quality_of(name)?, encoding)),
            // Bytes as they are need not be named. They are then the last choice.
            None => Some((quality_of("identity").unwrap_or(1), encoding)),
        })
        .filter(|(quality, _)| *quality > 0)
        .collect();
    accepted.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    accepted.into_iter().map(|(_, encoding)| encoding).collect()
}

/// Returns the highest quality of a media type in the values of `Accept`, in thousandths. Ranges
/// such as `text/*` are not looked at. Returns `None` if the type is not listed.
pub(crate) fn quality<'a>(values: impl Iterator<Item = &'a str>, media_type: &str) -> Option<u16> {
    let ranges = values.flat_map(|value| value.split(',')).take(ENCODINGS_MAX);
    let of_range = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().filter(|name| name.eq_ignore_ascii_case(media_type))?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        weight.map_or(Some(1_000), thousandths)
    };
    ranges.filter_map(of_range).max()
}

/// Reads a coding and its quality in thousandths. Returns `None` if the quality is not a number
/// from 0 to 1 with at most three decimals.
fn coding(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let quality = match parts.next() {
        None => 1_000,
        Some(parameter) => {
            thousandths(parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?)?
        }
    };
    Some((name, quality))
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_valid = ["0", "1"].contains(&whole)
        && decimals.len() <= 3
        && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let value = format!("{whole}{decimals:0<3}").parse().ok().filter(|value| *value <= 1_000)?;
    is_valid.then_some(value)
}

#[cfg(test)]
mod tests {
    use Encoding::{Brotli, Gzip, Identity};

    use super::*;

    fn accepted(values: &[&str]) -> Vec<Encoding> {
        let values = values.iter().map(|value| (ACCEPT_ENCODING, value.parse().unwrap()));
        preferred(&values.collect::<HeaderMap>())
    }

    #[test]
    fn browsers_get_brotli_and_clients_that_say_nothing_get_bytes() {
        assert_eq!(accepted(&["gzip, deflate, br, zstd"]), [Brotli, Gzip, Identity]);
        assert_eq!(accepted(&["gzip, deflate"]), [Gzip, Identity]);
        assert_eq!(accepted(&["gzip", "br"]), [Brotli, Gzip, Identity]);
        for nothing in [&[][..], &[""], &["identity"]] {
            assert_eq!(accepted(nothing), [Identity]);
        }
    }

    #[test]
    fn qualities_order_and_exclude() {
        assert_eq!(accepted(&["br;q=0.5, gzip; q=0.8"]), [Gzip, Brotli, Identity]);
        assert_eq!(accepted(&["BR;Q=0.001, identity;q=1.000"]), [Identity, Brotli]);
        assert_eq!(accepted(&["br;q=0, *;q=0.1"]), [Gzip, Identity]);
        assert_eq!(accepted(&["*"]), [Brotli, Gzip, Identity]);
        assert_eq!(accepted(&["gzip, *;q=0"]), [Gzip]);
        assert_eq!(accepted(&["identity;q=0"]), []);
    }

    #[test]
    fn a_bad_quality_leaves_its_coding_out() {
        for bad in
            ["br;q=2", "br;q=1.001", "br;q=0.1234", "br;q=-1", "br;q=", "br;level=3", "br;q=0.5x", "brotli"]
        {
            assert_eq!(accepted(&[bad, "gzip"]), [Gzip, Identity], "{bad}");
        }
        let many = ["x, "; ENCODINGS_MAX].concat() + "br";
        assert_eq!(accepted(&[&many]), [Identity]);
    }
}
