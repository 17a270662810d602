//! What browsers are told about each answer: its type, how long to keep it, and what its pages may do.
//!
//! **Policy.** A page may run and load what this server serves, and nothing else; WebAssembly may be compiled
//! (`'wasm-unsafe-eval'`), text may not be evaluated. `connect-src` allows `ws:` and `wss:` to anywhere, because a room
//! may list any rendezvous of the user's choice, which this server cannot know; what goes there is signed, and sealed
//! in a room with a secret. `fetch` to elsewhere stays forbidden. The policy is on every answer, not on pages alone, so
//! that it holds in workers and in images that are opened by themselves. `Cross-Origin-Opener-Policy` is left out on
//! purpose: a page of ours that opens a second tab of the same origin keeps its opener (duplicated tabs are a case that
//! must work), and nothing here needs cross-origin isolation.
//!
//! **Cache.** Vite puts a hash of the content into the names under `/assets/`: those never change. All else is kept but
//! asked for again each time (`no-cache` with an `ETag`), so that a rebuilt package is never mixed with an old one.
//!
//! **Encoding.** A browser on this very machine is sent the files as they are: unpacking the wasm takes each of its
//! tabs longer than the bytes take over loopback. Whoever asks through a proxy on this machine is not on it: such a
//! proxy says for whom it asks (`X-Forwarded-For`, `Forwarded`, `Via`), or passes on the name that it was asked by; one
//! that does neither has to compress by itself.
//!
//! **Sharing.** The package and the health are readable by the pages that may use the rendezvous, since a page that
//! imports the package from another port of this machine is how development looks.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::entrance::Remote;
use crate::origin::{OriginPolicy, names_this_machine};
use crate::site::PACKAGE_PATH;

/// The content security policy of everything that is served; the module's essay says why.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; \
    img-src 'self' data: blob:; \
    font-src 'self'; \
    connect-src 'self' ws: wss:; \
    worker-src 'self'; \
    manifest-src 'self'; \
    base-uri 'none'; \
    form-action 'none'; \
    frame-ancestors 'none'";

/// The camera is for scanning an invite; nothing else is ever asked for.
const PERMISSIONS_POLICY: &str = "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), serial=(), \
    bluetooth=(), hid=(), midi=(), display-capture=(), browsing-topics=()";

const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS_POLICY)),
];

/// What a proxy adds to what it passes on.
const PROXIED: [HeaderName; 3] = [header::VIA, header::FORWARDED, HeaderName::from_static("x-forwarded-for")];

/// Middleware around everything that answers.
pub async fn dress(State(policy): State<Arc<OriginPolicy>>, mut request: Request, next: Next) -> Response {
    if is_browser_on_this_machine(&request) {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let path = request.uri().path().to_owned();
    let sharing = is_shared(&path).then(|| shared_with(&policy, request.headers()));
    let mut response = next.run(request).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let status = response.status();
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(&path, status)));
    if let Some(better) = content_type(&path, headers) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(better));
    }
    weaken_etag_of_compressed(headers);
    if let Some(origin) = sharing {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
    response
}

/// Whether a browser on this machine asks, which says what for (Fetch Metadata, `Sec-Fetch-Dest`).
fn is_browser_on_this_machine(request: &Request) -> bool {
    let headers = request.headers();
    let is_loopback = |Remote(remote): &Remote| remote.ip().to_canonical().is_loopback();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    headers.contains_key("sec-fetch-dest")
        && request.extensions().get::<Remote>().is_some_and(is_loopback)
        && host.is_some_and(names_this_machine)
        && !PROXIED.iter().any(|name| headers.contains_key(name))
}

fn is_shared(path: &str) -> bool {
    path == "/rendezvous/health" || path.strip_prefix(PACKAGE_PATH).is_some_and(|rest| rest.starts_with('/'))
}

fn shared_with(policy: &OriginPolicy, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    policy.allows_page(origin.to_str().ok()?, host).then(|| origin.clone())
}

fn cache_control(path: &str, status: StatusCode) -> &'static str {
    let is_there = status.is_success() || status == StatusCode::NOT_MODIFIED;
    match path {
        "/rendezvous" | "/rendezvous/health" => "no-store",
        _ if is_there && path.starts_with("/assets/") => "public, max-age=31536000, immutable",
        _ => "no-cache",
    }
}

/// The type to say instead of the guessed one: `.ts` is not a video here, text is UTF-8, modules are JavaScript. `None`
/// leaves the guess.
fn content_type(path: &str, headers: &HeaderMap) -> Option<&'static str> {
    let guessed = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    if guessed == "text/html" {
        return Some("text/html; charset=utf-8");
    }
    // Types that a handler chose itself, such as an error in words, are left alone.
    if guessed.contains("charset") {
        return None;
    }
    match path.rsplit('/').next()?.rsplit_once('.')?.1 {
        "js" | "mjs" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "ts" | "mts" | "txt" | "md" => Some("text/plain; charset=utf-8"),
        "map" | "json" => Some("application/json"),
        "wasm" => Some("application/wasm"),
        "webmanifest" => Some("application/manifest+json"),
        _ => None,
    }
}

/// The tag was made of the file, and the bytes that are sent are others: equal in meaning only.
fn weaken_etag_of_compressed(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return;
    }
    let Some(tag) = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return };
    if !tag.starts_with("W/")
        && let Ok(weak) = HeaderValue::from_str(&format!("W/{tag}"))
    {
        headers.insert(header::ETAG, weak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(path: &str, guessed: &'static str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(guessed))]);
        content_type(path, &headers)
    }

    #[test]
    fn types_that_are_guessed_wrong_are_put_right() {
        assert_eq!(typed("/roundtable/index.d.ts", "video/vnd.dlna.mpeg-tts"), Some("text/plain; charset=utf-8"));
        assert_eq!(typed("/roundtable/index.mjs", "application/javascript"), Some("text/javascript; charset=utf-8"));
        assert_eq!(typed("/assets/a.js.map", "text/plain"), Some("application/json"));
        assert_eq!(typed("/lab", "text/html"), Some("text/html; charset=utf-8"));
        assert_eq!(typed("/pic.png", "image/png"), None);
        assert_eq!(typed("/roundtable/absent.js", "text/plain; charset=utf-8"), None);
    }

    #[test]
    fn only_hashed_assets_that_exist_are_kept_for_ever() {
        assert!(cache_control("/assets/index-a1b2.js", StatusCode::OK).contains("immutable"));
        assert_eq!(cache_control("/assets/index-gone.js", StatusCode::NOT_FOUND), "no-cache");
        assert_eq!(cache_control("/", StatusCode::OK), "no-cache");
        assert_eq!(cache_control("/roundtable/index.js", StatusCode::OK), "no-cache");
        assert_eq!(cache_control("/rendezvous/health", StatusCode::OK), "no-store");
    }
}
