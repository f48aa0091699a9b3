//! The page: its files are built into the binary, so that one program serves everything.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use plexus_assets::{FILES, File};
use plexus_core::primitives::hash::Hash;

use crate::http::error::ApiError;
use crate::http::negotiation::{self, Encoding};

/// Returns a file's bytes in an encoding, unless it does not exist in that.
fn encoded(file: &File, encoding: Encoding) -> Option<&'static [u8]> {
    match encoding {
        Encoding::Brotli => file.brotli,
        Encoding::Gzip => file.gzip,
        Encoding::Identity => Some(file.bytes),
    }
}

/// The files' tags without the quotes, in the same order. A browser that has a file only asks if its
/// tag is still current.
static TAGS: LazyLock<Vec<String>> =
    LazyLock::new(|| FILES.iter().map(|file| format!("{:.32}", Hash::of(file.bytes))).collect());

/// Returns every built-in file with the path that it is served under. The package for embedders is
/// made from these.
pub fn files() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().map(|file| (file.path, file.bytes))
}

/// Answers requests for all paths without another route.
pub(crate) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let is_read = method == Method::GET || method == Method::HEAD;
    let answer = if is_read && !path.starts_with("/api/") { find(path, &headers) } else { None };
    let missing = || ApiError::missing(format_args!("{method} {path}")).into_response();
    std::future::ready(answer.unwrap_or_else(missing)).await
}

/// Returns the file of a path. The file of a folder is its `index.html`.
pub(crate) fn find(path: &str, headers: &HeaderMap) -> Option<Response> {
    let index;
    let path = if path.ends_with('/') {
        index = format!("{path}index.html");
        &index
    } else {
        path
    };
    let place = FILES.binary_search_by(|file| file.path.cmp(path)).ok()?;
    Some(answer(&FILES[place], &TAGS[place], headers))
}

/// Returns the page itself. In a build without the page, it names the API's description.
pub(crate) fn index(headers: &HeaderMap) -> Response {
    find("/", headers).unwrap_or_else(|| {
        let text = "This node was built without its page. Its API is described by /api/v1/openapi.json\n";
        (StatusCode::OK, text).into_response()
    })
}

fn answer(file: &File, tag: &str, headers: &HeaderMap) -> Response {
    let encodings = negotiation::preferred(headers);
    let found = encodings.into_iter().find_map(|encoding| Some((encoding, encoded(file, encoding)?)));
    let (encoding, bytes) = found.unwrap_or((Encoding::Identity, file.bytes));
    // Each encoding has a tag of its own, because its bytes differ.
    let tag = match encoding.name() {
        Some(name) => format!("\"{tag}-{name}\""),
        None => format!("\"{tag}\""),
    };
    let is_known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let response = Response::builder()
        .header(CONTENT_TYPE, media_type(file.path))
        .header(CACHE_CONTROL, "no-cache")
        .header(VARY, "accept-encoding")
        .header(ETAG, tag);
    let response = if is_known {
        response.status(StatusCode::NOT_MODIFIED).body(Body::empty())
    } else {
        let response = match encoding.name() {
            Some(name) => response.header(CONTENT_ENCODING, name),
            None => response,
        };
        response.body(Body::from(Bytes::from_static(bytes)))
    };
    // Only headers that are not text could fail, and these are text.
    response.unwrap_or_default()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use axum::http::header::ACCEPT_ENCODING;

    use super::*;

    fn with(name: axum::http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_file_is_found_by_its_path_and_revalidated_by_its_tag() {
        assert!(FILES.is_sorted_by_key(|file| file.path));
        assert!(find("/no/such/file", &HeaderMap::new()).is_none());
        for file in FILES {
            let mut tags = BTreeMap::new();
            for accepted in ["identity", "gzip", "gzip, br"] {
                let mut headers = with(ACCEPT_ENCODING, accepted);
                let encodings = negotiation::preferred(&headers);
                let best = encodings.into_iter().find(|encoding| encoded(file, *encoding).is_some()).unwrap();
                let response = find(file.path, &headers).unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                let named = response.headers().get(CONTENT_ENCODING).map(|name| name.to_str().unwrap());
                assert_eq!(named, best.name(), "{}", file.path);
                let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
                headers.insert(IF_NONE_MATCH, format!("\"other\", W/{tag}").parse().unwrap());
                assert_eq!(find(file.path, &headers).unwrap().status(), StatusCode::NOT_MODIFIED);
                tags.insert(tag, best.name());
            }
            let names: BTreeSet<_> = tags.values().collect();
            assert_eq!(names.len(), tags.len(), "{}: {tags:?}", file.path);
        }
    }

    #[test]
    fn a_browser_is_told_what_a_file_is() {
        assert_eq!(media_type("/pkg/plexus_web_bg.wasm"), "application/wasm");
        assert_eq!(media_type("/app.js"), "text/javascript; charset=utf-8");
        assert_eq!(media_type("/LICENSE"), "text/plain; charset=utf-8");
    }
}
