//! Is everybody let in who has a role, and nobody further than it goes?

use std::os::unix::fs::MetadataExt;

use super::*;
use crate::config::file::Members;

#[test]
fn another_user_is_refused_whatever_it_asks() {
    let served = serve(Some(BTreeSet::from([u32::MAX])));
    let body = close(&json!({"surfaces": ["portal"]}));
    let table = [
        (Method::GET, SWITCHES, ""),
        (Method::POST, SWITCHES, &*body),
        (
            Method::POST,
            "/v1/switches/cold-start-mobile-v1:restore",
            "",
        ),
        (Method::POST, IMPORT, "{}\n"),
        (Method::GET, "/v2", ""),
    ];
    for (method, path, body) in table {
        let refused = served.call(method, path, body).unwrap_err();
        assert_eq!(refused.end, End::Refused, "{path}");
        assert!(refused.message.contains("may not operate"), "{refused}");
    }
    assert_eq!(served.switchboard.board().revision(), 0);
    assert!(served.is_closed("mobile-v1"));
}

/// A role of whoever runs the tests.
fn mine() -> Members {
    Members {
        users: vec![accounts::Accounts::read().user(socket_user())],
        ..Members::default()
    }
}

#[test]
fn a_role_does_what_it_includes_and_nothing_else() {
    let body = close(&json!({"surfaces": ["mobile-v1"]}));
    let nobody = || Some(BTreeSet::from([u32::MAX]));
    let calls = [
        (Method::GET, SWITCHES, ""),
        (Method::POST, SWITCHES, &*body),
        (
            Method::POST,
            "/v1/switches/cold-start-mobile-v1:restore",
            "",
        ),
        (Method::POST, IMPORT, ""),
    ];
    let table = [
        (
            Roles {
                viewer: mine(),
                ..Roles::default()
            },
            [true, false, false, false],
        ),
        (
            Roles {
                auditor: mine(),
                ..Roles::default()
            },
            [true, false, false, false],
        ),
        (
            Roles {
                approver: mine(),
                ..Roles::default()
            },
            [true, false, false, false],
        ),
        (
            Roles {
                operator: mine(),
                ..Roles::default()
            },
            [true, true, true, true],
        ),
    ];
    for (roles, expected) in table {
        let shown = format!("{roles:?}");
        let served = serve_with(nobody(), roles);
        for ((method, path, body), allowed) in calls.clone().into_iter().zip(expected) {
            match served.call(method, path, body) {
                Ok(_) => assert!(allowed, "{path} {shown}"),
                Err(refused) => {
                    assert_eq!(refused.end, End::Refused, "{path} {shown}: {refused}");
                    assert!(!allowed, "{path} {shown}: {refused}");
                }
            }
        }
        assert_eq!(
            served.switchboard.board().revision() > 0,
            expected[1],
            "{shown}"
        );
    }
}

#[test]
fn garbage_is_refused_and_the_next_call_is_answered() {
    let served = serve(None);
    let pieces: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/switches HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ];
    for piece in pieces {
        let mut stream = std::os::unix::net::UnixStream::connect(served.socket()).unwrap();
        let limit = std::time::Duration::from_secs(20); // fails instead of hanging
        stream.set_read_timeout(Some(limit)).unwrap();
        stream.write_all(piece).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let is_no = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(is_no, "{piece:?}: {answer}");
        served.call(Method::GET, SWITCHES, "").unwrap();
    }
    assert_eq!(served.switchboard.board().revision(), 0);
}

#[test]
fn a_group_has_a_role_by_the_kernels_word() {
    let group = std::fs::metadata("/proc/self").unwrap().gid();
    let groups = std::fs::read_to_string("/etc/group").unwrap();
    let suffix = format!(":{group}:");
    let line = groups.lines().find(|line| line.contains(&suffix)).unwrap();
    let name = line.split(':').next().unwrap().to_owned();
    let viewer = |groups: Vec<String>| Roles {
        viewer: Members {
            groups,
            ..Members::default()
        },
        ..Roles::default()
    };
    let nobody = || Some(BTreeSet::from([u32::MAX]));
    let served = serve_with(nobody(), viewer(vec![name]));
    assert!(served.call(Method::GET, SWITCHES, "").is_ok());
    let served = serve_with(nobody(), viewer(vec!["no such group".to_owned()]));
    let refused = served.call(Method::GET, SWITCHES, "").unwrap_err();
    assert_eq!(refused.end, End::Refused);
}

#[test]
fn a_crowd_of_one_user_leaves_places_for_others() {
    let served = serve(None);
    let connect = || std::os::unix::net::UnixStream::connect(served.socket()).unwrap();
    let crowd: Vec<_> = (0..16).map(|_| connect()).collect();
    // the seventeenth of one user is turned away while the others hold their places
    let mut one_more = connect();
    let limit = std::time::Duration::from_secs(20); // fails instead of hanging
    one_more.set_read_timeout(Some(limit)).unwrap();
    let call = b"GET /v1/switches HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    one_more.write_all(call).ok(); // turned away already
    let mut nothing = Vec::new();
    one_more.read_to_end(&mut nothing).ok();
    assert!(nothing.is_empty(), "{}", String::from_utf8_lossy(&nothing));
    drop(crowd);
    let answered = (0..2_000).any(|_| {
        std::thread::park_timeout(std::time::Duration::from_millis(5));
        served.call(Method::GET, SWITCHES, "").is_ok()
    });
    assert!(answered, "no place was given back");
}
