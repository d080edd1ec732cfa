//! Is there a path, target or host that the upstream could decode into another one?

use crate::{FOREIGN, House, OWNED, Row};

/// What servers decode, fold or cut further than RFC 3986: below a prefix that is open to anyone,
/// each leads to a page that is not.
const CLIMBS: &[&str] = &[
    "/owners/static/../vehicle?vin=V",
    "/owners/static/./x",
    "/owners/static//x",
    "//owners/static/x",
    "/owners/static/%2e%2e/vehicle",
    "/owners/static/%2E%2E/vehicle",
    "/owners/static/.%2e/vehicle",
    "/owners/static/..%2fvehicle",
    "/owners/static/..%2Fvehicle",
    "/owners/static/..%5Cvehicle",
    "/owners/static/..\\vehicle",
    "/owners/static/..;/vehicle",
    "/owners/static/..%3b/vehicle",
    "/owners/static/..%3Bx=1/vehicle",
    "/owners/static/x;vin=V",
    "/owners/static/%252e%252e/vehicle",
    "/owners/static/%c0%ae%c0%ae/vehicle",
    "/owners/static/%C0%AE%C0%AE%C0%AFvehicle",
    "/owners/static/..%c0%afvehicle",
    "/owners/static/..%E0%80%AFvehicle",
    "/owners/static/%u002e%u002e/vehicle",
    "/owners/static/..%u2215vehicle",
    "/owners/static/..%00/vehicle",
    "/owners/static/%00/../vehicle",
    "/owners/static/..%0A/vehicle",
    "/owners/static/..%0D%0AHost:x/vehicle",
    "/owners/static/..%09/vehicle",
    "/owners/static/..%20/vehicle",
    "/owners/static/.%20./vehicle",
    "/owners/static/.../vehicle",
    "/owners/static/..../vehicle",
    "/owners/static/%20/vehicle",
    "/owners/static/..%C2%A0/vehicle",
    // compatibility characters that Windows code pages and NFKC turn into `.`, `/`, `\`, `;`, `?`
    "/owners/static/%EF%BC%8E%EF%BC%8E/vehicle",
    "/owners/static/..%EF%BC%8Fvehicle",
    "/owners/static/..%EF%BC%BCvehicle",
    "/owners/static/..%E2%88%95vehicle",
    "/owners/static/..%E2%81%84vehicle",
    "/owners/static/%E2%80%A5/vehicle",
    "/owners/static/x%CD%BEvin=V",
    "/owners/static/x%EF%BC%9Fvin=V",
    "/owners/static/..%C2%A5vehicle",
    "/owners/static/x%",
    "/owners/static/x%2",
    "/owners/static/x%zz",
    "/owners/static/\u{e9}",
    "/owners/static/x?a?vin=V",
    "/owners/static/x?a=1;vin=V",
    "/owners/static/x?%00",
    "/Owners/static/x",
    "/owners/Static/x",
    "/owners/static/",
    "/owners/static",
    "owners/static/x",
    "*",
    "\\owners\\static\\x",
    "?x",
    "http:/owners/static/x",
    "http:///owners/static/x",
    "http://other.example/owners/static/x",
    "http://localhost@other.example/owners/static/x",
    "http://localhost:1/owners/static/x",
    "https://localhost/owners/vehicle",
    "ftp://localhost/../x",
    "//other.example/owners/static/x",
    "localhost:80",
];

#[test]
fn no_spelling_of_a_path_climbs_out_of_an_open_prefix() {
    let house = House::start();
    let get = |target: &str| house.ask(&format!("GET {}", target.replace('V', FOREIGN)), "", "");
    let rows: Vec<Row> = CLIMBS.iter().map(|target| (*target, get(target))).collect();
    house.refuses(&rows);
    house.lets_through(&[
        ("plain", get("/owners/static/a/b.css")),
        ("encoded letters", get("/owners/static/%C3%A9t%C3%A9.css")),
        ("encoded space", get("/owners/static/a%20b.css")),
        ("dots in a name", get("/owners/static/..a.b..css")),
        ("hidden folder", get("/owners/static/.well-known/x")),
        ("a query", get("/owners/static/x?a=%2F..%2F&b=http://x/")),
    ]);
    house.one_record_each();
}

#[test]
fn a_vehicle_in_the_path_has_one_spelling() {
    let house = House::start();
    let lower = OWNED.to_lowercase();
    let spellings = [
        ("lower case", lower),
        ("encoded letter", OWNED.replace('S', "%53")),
        ("space", format!("{OWNED}%20")),
        ("no-break space", format!("{OWNED}%C2%A0")),
        ("letter O for zero", OWNED.replace('0', "O")),
        ("Cyrillic letter", OWNED.replace('A', "%D0%90")),
        ("full-width letter", OWNED.replace('S', "%EF%BC%B3")),
        ("one more", format!("{OWNED}0")),
        ("comma list", format!("{OWNED},{FOREIGN}")),
        ("matrix", format!("{OWNED};vin={FOREIGN}")),
        ("pipe", format!("{OWNED}%7C{FOREIGN}")),
        ("a second", format!("{OWNED}/{FOREIGN}")),
        ("empty", String::new()),
        ("the other", FOREIGN.to_owned()),
    ];
    let get = |vin: &str| house.ask(&format!("GET /cars/{vin}/battery"), "", "");
    let rows: Vec<Row> = spellings
        .iter()
        .map(|(name, vin)| (*name, get(vin)))
        .collect();
    house.refuses(&rows);
    house.lets_through(&[("plain", get(OWNED))]);
    house.one_record_each();
}

#[test]
fn a_host_has_one_spelling() {
    let house = House::start();
    let line = format!("GET /cars/{OWNED}/battery HTTP/1.1");
    let token = &house.owner;
    let with = |hosts: &str| {
        let rest = format!("Connection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
        format!("{line}\r\n{hosts}\r\n{rest}").into_bytes()
    };
    house.refuses(&[
        ("empty", with("Host:")),
        ("two lines", with("Host: localhost\r\nHost: localhost")),
        ("two by comma", with("Host: localhost, other.example")),
        ("userinfo", with("Host: a@localhost")),
        ("trailing dot", with("Host: localhost.")),
        ("zone", with("Host: [fe80::1%25eth0]")),
        ("port 0", with("Host: localhost:0")),
        ("port with sign", with("Host: localhost:+80")),
        ("two ports", with("Host: localhost:80:80")),
        ("no digits", with("Host: localhost:")),
        ("path", with("Host: localhost/owners")),
        ("query", with("Host: localhost?x")),
        ("space", with("Host: local host")),
        ("tab", with("Host: local\thost")),
        ("folded line", with("Host: local\r\n host")),
        ("bare CR", with("Host: local\rhost")),
        ("NUL", with("Host: local\0host")),
        ("octal address", with("Host: 0177.0.0.1")),
        ("short address", with("Host: 127.1")),
        ("not ASCII", with("Host: h\u{f6}st")),
        ("space before the colon", with("Host : localhost")),
        ("space before the name", with(" Host: localhost")),
        (
            "other spelling",
            with("Host: localhost\r\nhOsT: other.example"),
        ),
    ]);
    house.lets_through(&[
        ("plain", with("Host: localhost")),
        ("with a port", with("Host: LocalHost:8443")),
        ("address", with("Host: 127.0.0.1")),
        ("IPv6", with("Host: [::1]:80")),
    ]);
    house.one_record_each();
}
