//! Does a body say one thing to every reader?

use crate::{FOREIGN, FORM, House, JSON, OWNED, Row};

/// JSON bodies for a route that reads `/data/vehicleId`; `O` is the owner's car, `V` the other.
const DOCUMENTS: &[&str] = &[
    r#"{"data":{"vehicleId":"O","vehicleId":"V"}}"#,
    r#"{"data":{"vehicleId":"V"},"data":{"vehicleId":"O"}}"#,
    r#"{"data":{"vehicleId":"O","VehicleId":"V"}}"#,
    r#"{"data":{"vehicleId":"O"},"DATA":{"vehicleId":"V"}}"#,
    r#"{"data":{"vehicleId":"O","vehicle\u0049d":"V"}}"#,
    r#"{"data":{"vehicle\u0049d":"O"}}"#,
    r#"{"data":{"vehicleId":"O","vehıcleId":"V"}}"#,
    r#"{"data":{"vehicleId":"O","vehicleİd":"V"}}"#,
    r#"{"data":{"vehicleId":"O","vehicle_Id":"x","VIN":"V"}}"#,
    r#"{"data":{"vehicleId":"O","deep":[[{"a":{"vin":"V"}}]]}}"#,
    r#"{"data":{"vehicleId":"O","vin":["V"]}}"#,
    r#"{"data":{"vehicleId":"O","vin":{"value":"V"}}}"#,
    r#"{"data":{"vehicleId":"O","x_vin":"V"}}"#,
    r#"{"data":{"vehicleId":"O","vın":"V"}}"#,
    r#"{"data":{"vehicleId":"O","ＶＩＮ":"V"}}"#,
    r#"{"data":{"vehicleId":["O"]}}"#,
    r#"{"data":{"vehicleId":{"vin":"O"}}}"#,
    r#"{"data":{"vehicleId":null}}"#,
    r#"{"data":{"vehicleId":17}}"#,
    r#"{"data":[{"vehicleId":"O"}]}"#,
    r#"[{"data":{"vehicleId":"O"}}]"#,
    r#""O""#,
    r#"{"data":{"vehicleId":"O"}}{"data":{"vehicleId":"V"}}"#,
    r#"{"data":{"vehicleId":"O"}} x"#,
    r#"{"data":{"vehicleId":"O",}}"#,
    r#"{"data":{"vehicleId":"O"/*,"vehicleId":"V"*/}}"#,
    "{\"data\":{\"vehicleId\":\"O\"}} // V",
    r"{'data':{'vehicleId':'O'}}",
    r#"{data:{vehicleId:"O"}}"#,
    r#"{"data":{"vehicleId":"O","a":NaN}}"#,
    r#"{"data":{"vehicleId":"O","a":Infinity}}"#,
    r#"{"data":{"vehicleId":"O","a":1e999}}"#,
    r#"{"data":{"vehicleId":"O","a":01}}"#,
    r#"{"data":{"vehicleId":"O","a":"\ud800"}}"#,
    r#"{"data":{"vehicleId":"O","a":"\x41"}}"#,
    "{\"data\":{\"vehicleId\":\"O\",\"a\":\"\n\"}}",
    "{\"data\":{\"vehicleId\":\"O\",\"a\0\":1}}",
    "\u{feff}{\"data\":{\"vehicleId\":\"O\"}}",
    "\u{b}{\"data\":{\"vehicleId\":\"O\"}}",
    ")]}',\n{\"data\":{\"vehicleId\":\"O\"}}",
    r#"{"data":{"vehicleId":"o"}}"#,
    r#"{"data":{"vehicleId":"O "}}"#,
    r#"{"data":{"vehicleId":"O\u0000"}}"#,
    r#"{"data":{"vehicleId":"V"}}"#,
    r#"{"data":"{\"vehicleId\":\"O\"}"}"#,
];

fn fill(document: &str) -> String {
    let document = document
        .replace("\"O", &format!("\"{OWNED}"))
        .replace("\"V\"", &format!("\"{FOREIGN}\""));
    document
        .replace("\"o\"", &format!("\"{}\"", OWNED.to_lowercase()))
        .replace("'O'", &format!("'{OWNED}'"))
}

#[test]
fn json_names_one_vehicle_or_none() {
    let house = House::start();
    let post = |body: &str| house.send("POST /json/records", JSON, &fill(body));
    let mut rows: Vec<Row> = DOCUMENTS.iter().map(|body| (*body, post(body))).collect();
    let deep = format!(
        "{{\"data\":{{\"vehicleId\":\"O\"}},\"x\":{}{}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    rows.push(("20 000 deep", post(&deep)));
    house.refuses(&rows);
    house.lets_through(&[
        (
            "plain",
            post(r#"{"data":{"vehicleId":"O","vin":"O","n":1.5e3,"t":"\u00e9\n"}}"#),
        ),
        (
            "wide",
            post(&format!(
                r#"{{"data":{{"vehicleId":"O"}},"x":[{}1]}}"#,
                "1,".repeat(20_000)
            )),
        ),
    ]);
    house.one_record_each();
}

#[test]
fn json_names_one_action_or_none() {
    let house = House::start();
    let line = format!("POST /cars/{OWNED}/hvac");
    let post = |body: &str| house.send(&line, JSON, body);
    house.refuses(&[
        (
            "twice",
            post(r#"{"data":{"attributes":{"task":"stop","task":"start"}}}"#),
        ),
        (
            "two spellings",
            post(r#"{"data":{"attributes":{"task":"stop","Task":"start"}}}"#),
        ),
        // Go's encoding/json and Unicode-aware readers fold these to `s` and `k`.
        (
            "a long s",
            post(r#"{"data":{"attributes":{"task":"stop","taſk":"start"}}}"#),
        ),
        (
            "a Kelvin sign",
            post("{\"data\":{\"attributes\":{\"task\":\"stop\",\"tas\u{212a}\":\"start\"}}}"),
        ),
        (
            "higher up",
            post(r#"{"data":{"attributes":{"task":"stop"},"attributeſ":{"task":"start"}}}"#),
        ),
        (
            "array",
            post(r#"{"data":{"attributes":{"task":["start"]}}}"#),
        ),
        ("true", post(r#"{"data":{"attributes":{"task":true}}}"#)),
        (
            "unknown",
            post(r#"{"data":{"attributes":{"task":"Start"}}}"#),
        ),
        ("no body", house.ask(&line, "", "")),
        ("a form", house.send(&line, FORM, "task=start")),
        (
            "another car",
            house.send(
                &line,
                JSON,
                &format!(r#"{{"data":{{"attributes":{{"task":"start","vin":"{FOREIGN}"}}}}}}"#),
            ),
        ),
    ]);
    house.lets_through(&[("start", post(r#"{"data":{"attributes":{"task":"start"}}}"#))]);
    house.one_record_each();
}

#[test]
fn a_body_has_one_media_type_and_one_charset() {
    let house = House::start();
    let form = format!("VIN={OWNED}");
    let send = |kind: &str| house.send("POST /gdc/Records.php", kind, &form);
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"VIN\"\r\n\r\n{FOREIGN}\r\n--b--\r\n"
    );
    house.refuses(&[
        ("none", send("X-A: b")),
        ("empty", send("Content-Type:")),
        ("text", send("Content-Type: text/plain")),
        ("two by comma", send(&format!("{FORM}, application/json"))),
        ("two lines", send(&format!("{FORM}\r\n{JSON}"))),
        (
            "another spelling beside it",
            send(&format!("{FORM}\r\nContent_Type: application/json")),
        ),
        ("utf-7", send(&format!("{FORM}; charset=utf-7"))),
        ("utf-16", send(&format!("{FORM};charset=\"UTF-16\""))),
        ("EBCDIC", send(&format!("{FORM}; charset=ibm037"))),
        (
            "two charsets",
            send(&format!("{FORM}; charset=utf-8; charset=ibm037")),
        ),
        ("boundary", send(&format!("{FORM}; boundary=b"))),
        ("JSON for a form", send(JSON)),
        (
            "multipart",
            house.send(
                "POST /gdc/Records.php",
                "Content-Type: multipart/form-data; boundary=b",
                &multipart,
            ),
        ),
        (
            "compressed",
            send(&format!("{FORM}\r\nContent-Encoding: deflate")),
        ),
        (
            "transfer name of it",
            send(&format!("{FORM}\r\nContent-Encoding: identity, gzip")),
        ),
        (
            "UTF-16 of JSON",
            house.send(
                "POST /json/records",
                "Content-Type: application/json; charset=utf-16",
                &fill(r#"{"data":{"vehicleId":"O"}}"#),
            ),
        ),
    ]);
    house.lets_through(&[
        ("plain", send(FORM)),
        ("utf-8", send(&format!("{FORM}; charset=UTF-8"))),
        (
            "identity",
            send(&format!("{FORM}\r\nContent-Encoding: identity")),
        ),
    ]);
    house.one_record_each();
}
