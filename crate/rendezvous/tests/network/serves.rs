//! The files, as a browser asks for them.

use std::fs;
use std::path::Path;

use crate::common::TestServer;
use tempfile::TempDir;

const SECRET: &str = "not for you";

/// `site/` and `package/` as the build leaves them, and a file beside them that must never be served.
fn house() -> TempDir {
    let house = TempDir::new().expect("a directory");
    let put = |path: &str, text: &str| {
        let path = house.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    };
    put("secret.txt", SECRET);
    put("site/index.html", "<h1>table</h1>");
    put("site/lab.html", "<h1>lab</h1>");
    put("site/demo/index.html", "<h1>demo</h1>");
    put("site/404.html", "<h1>own page</h1>");
    put("site/assets/index-a1b2c3.js", &"export const n = 1;\n".repeat(500));
    put("package/index.js", &"export const join = 1;\n".repeat(500));
    put("package/index.d.ts", "export declare const join: number;");
    put("package/index.js.map", "{}");
    put("package/core.wasm", "\0asm");
    put("package/worker.mjs", "export {}");
    house
}

async fn served(house: &Path) -> TestServer {
    let (site, package) = (house.join("site"), house.join("package"));
    let text = |path: &Path| path.to_str().expect("a path of plain letters").to_owned();
    TestServer::start(&["--site", &text(&site), "--package", &text(&package)]).await
}

#[tokio::test]
async fn pages_have_clean_addresses() {
    let house = house();
    let server = served(house.path()).await;
    for (path, text) in
        [("/", "table"), ("/index.html", "table"), ("/lab", "lab"), ("/lab?x=1", "lab"), ("/demo/", "demo")]
    {
        let answer = server.http("GET", path, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        assert!(answer.body.contains(text), "{path}");
    }
    let answer = server.http("GET", "/demo", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (307, "/demo/"));
}

#[tokio::test]
async fn what_is_not_there_is_the_sites_own_404() {
    let house = house();
    let server = served(house.path()).await;
    for path in ["/nothing", "/nothing.html", "/lab/", "/assets/gone.js", "/roundtabl"] {
        let answer = server.http("GET", path, &[]).await;
        assert_eq!((answer.status, answer.header("cache-control")), (404, "no-cache"), "{path}");
        assert!(answer.body.contains("own page"), "{path}");
    }
    fs::remove_file(house.path().join("site/404.html")).unwrap();
    assert_eq!(server.http("GET", "/nothing", &[]).await.status, 404);
    assert_eq!(server.http("GET", "/roundtable/nothing.js", &[]).await.status, 404);
}

#[tokio::test]
async fn each_file_has_its_type() {
    let house = house();
    let server = served(house.path()).await;
    for (path, kind) in [
        ("/roundtable/index.js", "text/javascript; charset=utf-8"),
        ("/roundtable/worker.mjs", "text/javascript; charset=utf-8"),
        ("/roundtable/core.wasm", "application/wasm"),
        ("/roundtable/index.js.map", "application/json"),
        ("/roundtable/index.d.ts", "text/plain; charset=utf-8"),
        ("/assets/index-a1b2c3.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = server.http("GET", path, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{path}");
    }
}

#[tokio::test]
async fn every_page_has_the_policy_errors_included() {
    let house = house();
    let server = served(house.path()).await;
    for path in ["/", "/lab", "/nothing", "/roundtable/index.js"] {
        let answer = server.http("GET", path, &[]).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-inline") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-opener-policy"), "");
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again_and_what_has_is() {
    let house = house();
    let server = served(house.path()).await;
    let first = server.http("GET", "/roundtable/index.js", &[("accept-encoding", "br")]).await;
    assert_eq!((first.status, first.header("cache-control")), (200, "no-cache"));
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "the tag of compressed bytes is weak: {tag}");
    let again = server.http("GET", "/roundtable/index.js", &[("if-none-match", &tag), ("accept-encoding", "br")]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    fs::write(house.path().join("package/index.js"), "export const join = 2;").unwrap();
    let changed = server.http("GET", "/roundtable/index.js", &[("if-none-match", &tag)]).await;
    assert_eq!((changed.status, changed.body.as_str()), (200, "export const join = 2;"));
    let hashed = server.http("GET", "/assets/index-a1b2c3.js", &[]).await;
    assert!(hashed.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn what_is_worth_it_is_compressed_for_who_can_read_it() {
    let house = house();
    let server = served(house.path()).await;
    for (accepts, encoding) in [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("zstd", ""), ("identity", "")] {
        let answer = server.http("GET", "/roundtable/index.js", &[("accept-encoding", accepts)]).await;
        assert_eq!(answer.header("content-encoding"), encoding, "{accepts}");
        assert!(answer.header("vary").contains("accept-encoding"), "{}", answer.header("vary"));
    }
}

#[tokio::test]
async fn a_browser_on_this_machine_is_sent_files_as_they_are_and_one_behind_a_proxy_is_not() {
    let house = house();
    let server = served(house.path()).await;
    let asks = [("accept-encoding", "br"), ("sec-fetch-dest", "empty")];
    let here = server.http("GET", "/roundtable/index.js", &asks).await;
    assert_eq!((here.header("content-encoding"), here.body.contains("export")), ("", true));
    for proxied in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1"), ("via", "1.1 proxy")] {
        let through = server.http("GET", "/roundtable/index.js", &[asks[0], asks[1], proxied]).await;
        assert_eq!(through.header("content-encoding"), "br", "{proxied:?}");
    }
    let named = server.http("GET", "/roundtable/index.js", &[asks[0], asks[1], ("host", "table.example")]).await;
    assert_eq!(named.header("content-encoding"), "br");
}

#[tokio::test]
async fn what_the_build_has_compressed_goes_out_as_it_is() {
    let house = house();
    fs::write(house.path().join("package/index.js.br"), "made by the build").unwrap();
    let server = served(house.path()).await;
    for (accepts, encoding) in [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("identity", "")] {
        let answer = server.http("GET", "/roundtable/index.js", &[("accept-encoding", accepts)]).await;
        assert_eq!(answer.header("content-encoding"), encoding, "{accepts}");
        assert_eq!(answer.body == "made by the build", encoding == "br", "{accepts}");
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8");
        assert!(answer.header("vary").contains("accept-encoding"), "{}", answer.header("vary"));
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_directory() {
    let house = house();
    let server = served(house.path()).await;
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/roundtable/../secret.txt",
        "/roundtable/../../secret.txt",
        "/roundtable/%2e%2e/secret.txt",
        "/roundtable/..%2f..%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/secret.txt%00.html",
        "/%ff",
        "http://evil.example/../secret.txt",
    ] {
        let answer = server.http("GET", path, &[]).await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.body.contains(SECRET) && !answer.body.contains("root:"), "{path}");
    }
}

#[tokio::test]
async fn there_is_only_get_and_head() {
    let house = house();
    let server = served(house.path()).await;
    let head = server.http("HEAD", "/lab", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        for path in ["/", "/lab", "/roundtable/index.js", "/rendezvous/health"] {
            assert_eq!(server.http(method, path, &[]).await.status, 405, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn pages_that_may_use_the_rendezvous_may_import_the_package() {
    let house = house();
    let server = served(house.path()).await;
    let ask = async |path, origin| server.http("GET", path, &[("origin", origin)]).await;
    let local = ask("/roundtable/index.js", "http://localhost:5173").await;
    assert_eq!(local.header("access-control-allow-origin"), "http://localhost:5173");
    assert!(local.header("vary").contains("origin"));
    assert_eq!(ask("/roundtable/index.js", "https://evil.example").await.header("access-control-allow-origin"), "");
    assert_eq!(ask("/", "http://localhost:5173").await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn before_the_build_it_says_what_to_run() {
    let house = TempDir::new().unwrap();
    let server = served(house.path()).await;
    for path in ["/", "/lab"] {
        let answer = server.http("GET", path, &[]).await;
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains("npm start") && answer.body.contains("npm run build"), "{}", answer.body);
    }
    let package = server.http("GET", "/roundtable/index.js", &[]).await;
    assert_eq!(package.status, 404);
    assert!(package.body.contains("npm run build"), "{}", package.body);
    fs::create_dir_all(house.path().join("site")).unwrap();
    fs::write(house.path().join("site/index.html"), "built").unwrap();
    assert_eq!(server.http("GET", "/", &[]).await.body, "built");
}

#[tokio::test]
async fn without_a_site_there_is_only_the_rendezvous() {
    let server = TestServer::start(&[]).await;
    let answer = server.http("GET", "/", &[]).await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("/rendezvous") && answer.body.contains("--site"), "{}", answer.body);
    server.client().await;
}
