//! Can a second copy of a VIN or of an action stand where the upstream looks first?

use crate::{FOREIGN, FORM, House, OWNED, Row};

/// Second copies in a query that names `VIN=OWNED`; `V` is the other car.
const SECOND: &[&str] = &[
    "VIN=V",
    "vin=V",
    "Vin=V",
    "%56IN=V",
    "V%49N=V",
    "VIN[]=V",
    "VIN%5B%5D=V",
    "VIN%5b0%5d=V",
    "VIN[0]=V",
    "VIN[=V",
    "VIN.x=V&VIN_x=V",
    "+VIN=V",
    "%20VIN=V",
    "VIN%20=V",
    "VIN+=V",
    "VIN%00=V",
    "VIN%00x=V",
    "%00VIN=V",
    "VIN%0A=V",
    "%EF%BB%BFVIN=V",
    "V%C4%B1N=V",
    "%EF%BC%B6IN=V",
    "%u0056IN=V",
    "x;VIN=V",
    "a=1;VIN=V",
    "a=1%26VIN=V&vin=V",
    "x-vin=V",
    "X_VIN=V",
    "x.vin=V",
    "VIN",
    "VIN=",
    "=V",
    "a=%zz",
    "VIN\\=V",
];

#[test]
fn a_second_copy_in_a_query_or_form_is_refused() {
    let house = House::start();
    let get = |query: &str| house.ask(&format!("GET /gdc/Records.php?{query}"), "", "");
    let post =
        |query: &str, form: &str| house.send(&format!("POST /gdc/Records.php{query}"), FORM, form);
    let mut rows: Vec<Row> = Vec::new();
    for second in SECOND {
        let copy = second.replace("=V", &format!("={FOREIGN}"));
        rows.push((second, get(&format!("VIN={OWNED}&{copy}"))));
        rows.push((second, get(&format!("{copy}&VIN={OWNED}"))));
        rows.push((second, post("", &format!("VIN={OWNED}&{copy}"))));
        rows.push((second, post("", &format!("{copy}&VIN={OWNED}"))));
        rows.push((second, post(&format!("?{copy}"), &format!("VIN={OWNED}"))));
    }
    house.refuses(&rows);
    house.lets_through(&[
        ("one", get(&format!("lg=en&VIN={OWNED}&&x"))),
        (
            "two that agree",
            post(&format!("?VIN={OWNED}"), &format!("VIN={OWNED}")),
        ),
    ]);
    house.one_record_each();
}

#[test]
fn what_stands_elsewhere_than_the_route_says_is_not_found() {
    let house = House::start();
    let query = format!("?VIN={OWNED}");
    house.refuses(&[
        (
            "query for a form",
            house.send(&format!("POST /gdc/Records.php{query}"), FORM, "a=1"),
        ),
        (
            "query and no body",
            house.ask(&format!("POST /gdc/Records.php{query}"), "", ""),
        ),
        (
            "header for a query",
            house.ask("GET /gdc/Records.php", &format!("VIN: {OWNED}\r\n"), ""),
        ),
        (
            "cookie for a query",
            house.ask(
                "GET /gdc/Records.php",
                &format!("Cookie: VIN={OWNED}\r\n"),
                "",
            ),
        ),
        (
            "body for a query",
            house.ask(
                "GET /gdc/Records.php",
                &format!("{FORM}\r\nContent-Length: 21\r\n"),
                &format!("VIN={OWNED}"),
            ),
        ),
        (
            "query for a header",
            house.ask(&format!("GET /header/records?Car-Id={OWNED}"), "", ""),
        ),
    ]);
    house.one_record_each();
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_second_copy_in_a_field_is_refused() {
    let house = House::start();
    let get = |fields: &str| {
        let fields = fields
            .replace("=V", &format!("={FOREIGN}"))
            .replace(": V\r", &format!(": {FOREIGN}\r"));
        house.ask(&format!("GET /gdc/Records.php?VIN={OWNED}"), &fields, "")
    };
    let header = |fields: &str| house.ask("GET /header/records", fields, "");
    // PHP's `$_REQUEST` may put cookies above the query, and `urldecode`d their names for long.
    house.refuses(&[
        ("field", get("VIN: V\r\n")),
        ("field by another name", get("X-VIN: V\r\n")),
        ("field for CGI", get("X_VIN: V\r\n")),
        ("cookie", get("Cookie: VIN=V\r\n")),
        ("cookie, lower case", get("Cookie: a=b; vin=V\r\n")),
        ("cookie without spaces", get("Cookie: a=b;vin=V;c=d\r\n")),
        (
            "second line of cookies",
            get("Cookie: a=b\r\nCookie: VIN=V\r\n"),
        ),
        ("encoded cookie", get("Cookie: %56IN=V\r\n")),
        ("cookie of an array", get("Cookie: VIN[]=V\r\n")),
        ("cookie with an end", get("Cookie: VIN%00x=V\r\n")),
        ("cookie with a tab", get("Cookie:\tVIN\t=V\r\n")),
        ("cookies by comma", get("Cookie: a=b, VIN=V\r\n")),
        (
            "two fields",
            header(&format!("Car-Id: {OWNED}\r\nCar-Id: {FOREIGN}\r\n")),
        ),
        (
            "two spellings",
            header(&format!("Car-Id: {OWNED}\r\nCar_Id: {FOREIGN}\r\n")),
        ),
        ("list", header(&format!("Car-Id: {OWNED}, {FOREIGN}\r\n"))),
        (
            "folded",
            header(&format!("Car-Id: {OWNED}\r\n {FOREIGN}\r\n")),
        ),
        (
            "other spelling alone",
            header(&format!("Car_Id: {OWNED}\r\n")),
        ),
    ]);
    house.lets_through(&[
        (
            "other cookies",
            get("Cookie: a=b; vintage=V; session=\"VIN=x\"; c\r\n"),
        ),
        (
            "a cookie that agrees",
            house.ask(
                &format!("GET /gdc/Records.php?VIN={OWNED}"),
                &format!("Cookie: vin={OWNED}\r\n"),
                "",
            ),
        ),
        (
            "header",
            header(&format!("Car-Id: {OWNED}\r\nCookie: a=b\r\n")),
        ),
    ]);
    house.one_record_each();
}

#[test]
fn a_route_without_a_vehicle_takes_none() {
    let house = House::start();
    let get = |target: &str, fields: &str| house.ask(&format!("GET {target}"), fields, "");
    house.refuses(&[
        ("another's", get(&format!("/cars?vin={FOREIGN}"), "")),
        ("one's own", get(&format!("/cars?VIN={OWNED}"), "")),
        ("no VIN at all", get("/cars?x_vin=all", "")),
        ("a field", get("/cars", &format!("X-VIN: {FOREIGN}\r\n"))),
        (
            "for anyone",
            get(&format!("/owners/static/x?vin={FOREIGN}"), ""),
        ),
    ]);
    house.lets_through(&[
        (
            "plain",
            get("/cars?page=2&vin=", "Cookie: vin=last-seen\r\n"),
        ),
        ("for anyone", get("/owners/static/x?v=3", "")),
    ]);
    house.one_record_each();
}

#[test]
fn cookies_go_upstream_in_one_line() {
    let house = House::start();
    let fields = "Cookie: a=b; c=d\r\nX-Between: x\r\nCookie: e=f\r\ncookie: g\r\n";
    let request = house.ask(&format!("GET /gdc/Records.php?VIN={OWNED}"), fields, "");
    let seen = house.reaches(&request).1.concat().to_ascii_lowercase();
    let lines: Vec<&str> = seen
        .lines()
        .filter(|line| line.starts_with("cookie:"))
        .collect();
    assert_eq!(lines, ["cookie: a=b; c=d; e=f; g"], "{seen}");
    house.one_record_each();
}

#[test]
fn an_action_is_chosen_by_one_value() {
    let house = House::start();
    let path = format!("/cars/{OWNED}/hvac");
    let get = |query: &str, fields: &str| house.ask(&format!("GET {path}?{query}"), fields, "");
    house.refuses(&[
        ("none", get("", "")),
        ("unknown", get("fan=auto", "")),
        ("capitals", get("fan=ON", "")),
        ("space", get("fan=on%20", "")),
        ("twice", get("fan=on&fan=off", "")),
        ("two spellings", get("fan=on&Fan=off", "")),
        ("an array", get("fan=on&fan[]=off", "")),
        ("cookie", get("fan=on", "Cookie: fan=off\r\n")),
        ("encoded cookie", get("fan=on", "Cookie: f%61n=off\r\n")),
    ]);
    house.lets_through(&[
        ("on", get("fan=on", "Cookie: a=b\r\n")),
        ("off", get("fan=off", "")),
    ]);
    house.one_record_each();
}
