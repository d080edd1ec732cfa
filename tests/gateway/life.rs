//! Does it start, reload, close, drain and end as its operators expect?

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use crate::support::client::{connect, exchange_raw, get};
use crate::support::{Gateway, Plan, Tokens, Upstream};
use crate::{House, MORE, OWNED, ROUTES};

#[test]
fn a_closure_is_in_force_for_the_next_request_and_kept_over_a_restart() {
    let house = House::start();
    let (owner, target) = (house.owner(), format!("/cars/{OWNED}/battery"));
    assert_eq!(get(house.gateway.edge, &target, Some(&owner)).status, 200);
    let close = ["switch", "close", "--surface", "mobile", "--reason", "leak"];
    let closed = house.gateway.operate(&close);
    assert!(closed.status.success(), "{closed:?}");
    assert_eq!(get(house.gateway.edge, &target, Some(&owner)).status, 503);
    assert_eq!(
        get(house.gateway.edge, "/owners/static/x", None).status,
        200,
        "the portal is up"
    );
    let (status, folder) = house.gateway.stop();
    assert!(status.success());
    let again = Gateway::start_again(&Plan::default(), folder);
    assert_eq!(get(again.edge, &target, Some(&owner)).status, 503);
    let open = again.operate(&["switch", "open", "--surface", "mobile"]);
    assert!(open.status.success(), "{open:?}");
    assert_eq!(get(again.edge, &target, Some(&owner)).status, 200);
}

#[test]
fn a_closure_made_while_a_body_drips_in_stops_that_request() {
    let house = House::start();
    let form = format!("VIN={OWNED}");
    let (first, rest) = form.split_at(5);
    let mut slow = connect(house.gateway.edge);
    let head = format!(
        "POST /gdc/ACRemoteRequest.php HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{first}",
        house.owner(),
        form.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    // The head is judged once another request, sent after it, has its answer and the gateway says
    // that two connections are open.
    assert_eq!(
        get(house.gateway.edge, "/owners/static/x", None).status,
        200
    );
    house.upstream.clear();
    let closed =
        house
            .gateway
            .operate(&["switch", "close", "--surface", "mobile", "--reason", "x"]);
    assert!(closed.status.success(), "{closed:?}");
    slow.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(house.upstream.requests().is_empty(), "it went upstream");
}

#[test]
fn a_protected_surface_takes_its_name() {
    let house = House::start();
    let close = ["switch", "close", "--surface", "portal", "--reason", "x"];
    assert_eq!(house.gateway.operate(&close).status.code(), Some(5));
    assert_eq!(
        get(house.gateway.edge, "/owners/static/x", None).status,
        200
    );
    let mut confirmed = close.to_vec();
    confirmed.extend(["--confirm-name", "portal"]);
    assert!(house.gateway.operate(&confirmed).status.success());
    assert_eq!(
        get(house.gateway.edge, "/owners/static/x", None).status,
        503
    );
}

#[test]
fn a_request_in_flight_is_finished_before_the_end() {
    let house = House::start();
    let form = format!("VIN={OWNED}");
    let mut slow = connect(house.gateway.edge);
    let head = format!(
        "POST /gdc/ACRemoteRequest.php HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        house.owner(),
        form.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    assert_eq!(
        get(house.gateway.edge, "/owners/static/x", None).status,
        200
    );
    house.gateway.signal("TERM");
    while get_status(house.gateway.ops, "/readyz") == Some(200) {
        std::thread::yield_now(); // until the order has arrived
    }
    slow.write_all(form.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (status, _) = house.gateway.stop();
    assert_eq!(status.code(), Some(0));
}

fn get_status(address: std::net::SocketAddr, target: &str) -> Option<u16> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_reload_is_whole_or_not_at_all() {
    let house = House::start();
    let routes = house.gateway.folder.path().join("routes.toml");
    let added = ROUTES.replace("/owners/off", "/owners/other");
    std::fs::write(&routes, format!("{added}\nnonsense = [")).unwrap();
    house.gateway.signal("HUP");
    wait_for(&house, "reload refused");
    assert_eq!(
        get(house.gateway.edge, "/owners/off", None).status,
        503,
        "the old routes hold"
    );
    std::fs::write(&routes, added).unwrap();
    house.gateway.signal("HUP");
    wait_for(&house, "reloaded");
    assert_eq!(get(house.gateway.edge, "/owners/off", None).status, 404);
    assert_eq!(get(house.gateway.edge, "/owners/other", None).status, 503);
}

/// A copy of the shipped policies that a test may spoil.
fn policies() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for folder in ["", "cases", "admin", "admin/cases"] {
        std::fs::create_dir_all(copy.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(shipped.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let to = copy.path().join(folder).join(path.file_name().unwrap());
                std::fs::copy(path, to).unwrap();
            }
        }
    }
    copy
}

/// Valid, and not what the cases say.
const TOO_OPEN: &str = "@id(\"open\")\n@owner(\"x\")\n@reason(\"x\")\n\
                        permit (principal is User, action, resource is Vehicle);\n";

#[test]
fn a_failing_case_refuses_the_load_at_a_reload_and_at_a_start() {
    let copy = policies();
    let upstream = Upstream::start();
    let tokens = Tokens::new();
    let plan = Plan {
        routes: ROUTES,
        config: MORE,
        policies: Some(copy.path().to_owned()),
        ..Plan::default()
    };
    let gateway = Gateway::start(&plan, &upstream, &tokens);
    let open = copy.path().join("open.cedar");
    std::fs::write(&open, TOO_OPEN).unwrap();
    gateway.signal("HUP");
    gateway.until("the refusal", |gateway| {
        let said = gateway.stderr();
        (said.contains("reload refused: the old rules hold") && said.contains("case `"))
            .then_some(())
    });
    assert!(
        !gateway.stderr().contains("reloaded"),
        "nothing was taken up"
    );
    let (_, folder) = gateway.stop();
    let run = Command::new(env!("CARGO_BIN_EXE_vingate"))
        .arg("run")
        .arg("-c")
        .arg(folder.path().join("vingate.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(4), "{said}");
    assert!(
        said.contains("case `") && said.contains("cases fail"),
        "{said}"
    );
    std::fs::remove_file(open).unwrap();
    Gateway::start_again(&plan, folder);
}

/// Waits until the log says so, bounded.
fn wait_for(house: &House, words: &str) {
    for _ in 0..1_000 {
        if house.gateway.stderr().contains(words) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("`{words}` was not said:\n{}", house.gateway.stderr());
}

#[test]
fn a_bind_failure_is_a_message_and_exit_code_1() {
    let house = House::start();
    let taken = format!("listeners.edge.address={}", house.gateway.edge);
    let (_, folder) = house.gateway.stop();
    let holder = std::net::TcpListener::bind(taken.split('=').nth(1).unwrap()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vingate"))
        .args(["run", "-c"])
        .arg(folder.path().join("vingate.toml"))
        .args(["--set", &taken])
        .output()
        .unwrap();
    drop(holder);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("listeners.edge") && said.contains("in use"),
        "{said}"
    );
}

#[test]
fn a_broken_switch_board_is_refused_and_the_cold_start_state_holds() {
    let house = House::start();
    let (_, folder) = house.gateway.stop();
    std::fs::write(folder.path().join("switches/board.json"), "{\"half\":").unwrap();
    let set = &["surfaces.mobile.on_cold_start=closed"][..];
    let plan = Plan {
        routes: ROUTES,
        config: MORE,
        set,
        ..Plan::default()
    };
    let again = Gateway::start_again(&plan, folder);
    assert!(
        again.stderr().contains("switch board refused"),
        "{}",
        again.stderr()
    );
    assert_eq!(
        get(again.edge, &format!("/cars/{OWNED}/battery"), None).status,
        503
    );
    assert_eq!(get(again.edge, "/owners/static/x", None).status, 200);
}

#[test]
fn a_head_that_does_not_end_is_answered_at_its_deadline() {
    let house = House::with(&["limits.header_timeout=300ms"]);
    let mut stream = connect(house.gateway.edge);
    stream
        .write_all(b"GET /owners/static/x HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(text.contains("request-timeout"), "{text}");
    let connect = b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
    let answer = exchange_raw(house.gateway.edge, connect);
    assert!(
        answer.starts_with(b"HTTP/1.1 405"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}
