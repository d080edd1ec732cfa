//! What if the server holds or says what no gateway wrote?

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

const BOARD: &str = "{vingate:vingate}:board";
const VERSION: &str = "{vingate:vingate}:version";
const REPLICAS: &str = "{vingate:vingate}:replicas";

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_type_are_malformed_and_stay() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    for key in [BOARD, VERSION, REPLICAS] {
        server.command(&["RPUSH", key, "x"]);
    }
    let malformed = Err(FleetError::Malformed);
    assert_eq!(handle.version().await, Err(FleetError::Malformed));
    assert_eq!(handle.entries().await, Err(FleetError::Malformed));
    assert_eq!(
        handle.said(Topic::Replicas).await,
        Err(FleetError::Malformed)
    );
    assert_eq!(handle.put(&pairs(&[("a", "1")])).await, malformed);
    assert_eq!(handle.remove(&["a".to_owned()]).await, malformed);
    let expiry = Duration::from_secs(60);
    assert_eq!(
        handle.say(Topic::Replicas, "r", "s", expiry).await,
        malformed
    );
    assert!(handle.time().await.is_ok());
    for key in [BOARD, VERSION, REPLICAS] {
        assert_eq!(server.command(&["TYPE", key]), "list");
    }
    server.command(&["DEL", VERSION, BOARD]);
    server.command(&["RPUSH", VERSION, "x"]);
    assert_eq!(handle.put(&pairs(&[("a", "1")])).await, malformed);
    assert_eq!(handle.entries().await, Ok(vec![]), "all or none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_no_number_is_malformed() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    for text in ["x", "-1", "1.5", " 1", "99999999999999999999"] {
        server.command(&["SET", VERSION, text]);
        assert_eq!(handle.version().await, Err(FleetError::Malformed), "{text}");
    }
    let huge = "redis.call('SET', KEYS[1], string.rep('1', 30 * 1024 * 1024))";
    server.command(&["EVAL", huge, "1", VERSION]);
    let before = sent_by(&server);
    assert_eq!(handle.version().await, Err(FleetError::Malformed));
    assert!(sent_by(&server) - before < 1 << 20, "it is not fetched");
    server.command(&["SET", VERSION, "7"]);
    assert_eq!(handle.version().await, Ok(7), "backwards is a move too");
    server.command(&["SET", VERSION, "9223372036854775806"]);
    handle.put(&pairs(&[("a", "1")])).await.unwrap();
    assert_eq!(handle.version().await, Ok(9_223_372_036_854_775_807));
    let put = handle.put(&pairs(&[("a", "2")])).await;
    assert_eq!(put, Err(FleetError::Malformed));
    assert_eq!(handle.entries().await, Ok(pairs(&[("a", "1")])));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_is_passed_on_for_its_seal_to_be_refused() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    handle.put(&pairs(&[("a", "1")])).await.unwrap();
    let script = "redis.call('HSET', KEYS[1], '\\255', '\\254')";
    server.command(&["EVAL", script, "1", BOARD]);
    let found = board(&handle).await;
    let expected = pairs(&[("a", "1"), ("\u{fffd}", "\u{fffd}")]);
    assert_eq!(found, expected.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_among_the_replicas_hides_none_and_is_swept() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    server.command(&["HSET", REPLICAS, "x", "no time", "y", "5:past", "z", ":"]);
    assert_eq!(handle.said(Topic::Replicas).await, Ok(vec![]));
    let expiry = Duration::from_secs(60);
    handle.say(Topic::Replicas, "r", "s", expiry).await.unwrap();
    assert_eq!(handle.said(Topic::Replicas).await, Ok(pairs(&[("r", "s")])));
    assert_eq!(server.command(&["HLEN", REPLICAS]), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_no_fleet_writes_is_not_read() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    handle.put(&pairs(&[("a", "1")])).await.unwrap();
    let before = sent_by(&server);
    let huge = "redis.call('HSET', KEYS[1], 'b', string.rep('x', 16 * 1024 * 1024 + 1))";
    server.command(&["EVAL", huge, "1", BOARD]);
    assert_eq!(handle.entries().await, Err(FleetError::Malformed));
    handle.remove(&["b".to_owned()]).await.unwrap();
    assert_eq!(handle.entries().await, Ok(pairs(&[("a", "1")])));
    let many = "for n = 1, 200000 do redis.call('HSET', KEYS[1], n, '') end";
    server.command(&["EVAL", many, "1", BOARD]);
    assert_eq!(handle.entries().await, Err(FleetError::Malformed));
    let heavy = "redis.call('DEL', KEYS[1]) local text = string.rep('x', 15 * 1024 * 1024) \
                 for n = 1, 5 do redis.call('HSET', KEYS[1], n, text) end";
    server.command(&["EVAL", heavy, "1", BOARD]);
    assert_eq!(handle.entries().await, Err(FleetError::Malformed));
    let replica = "redis.call('HSET', KEYS[1], 'r', '9999999999999:' .. string.rep('x', 2^24 + 1))";
    server.command(&["EVAL", replica, "1", REPLICAS]);
    assert_eq!(
        handle.said(Topic::Replicas).await,
        Err(FleetError::Malformed)
    );
    assert!(sent_by(&server) - before < 1 << 20, "it is not fetched");
}

/// Bytes that a server has sent.
fn sent_by(server: &Server) -> u64 {
    let info = server.command(&["INFO", "stats"]);
    let line = info.lines().find_map(|line| {
        let number = line.strip_prefix("total_net_output_bytes:")?;
        number.trim().parse().ok()
    });
    line.unwrap()
}

/// A server that answers everything with these bytes, again and again where it is asked so.
fn talks(answer: &'static [u8], times: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut asked = [0; 4096];
                while matches!(stream.read(&mut asked), Ok(1..)) {
                    for _ in 0..times {
                        if stream.write_all(answer).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    format!("url = \"redis://{address}\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_protocol_is_an_error_in_time() {
    let table: [(&[u8], usize); 8] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 1),
        (b"\0\x01\x02\xff\xfe\r\n", 1),
        (b"+PONG\r\n*-7\r\n$-9\r\n:x\r\n", 1),
        (b"*2000000000\r\n", 1),
        (b"$9223372036854775807\r\nxxxx", 1),
        (b"%9223372036854775807\r\n", 1),
        (b"*1\r\n", 10_000),
        (b"", 1),
    ];
    for (answer, times) in table {
        let handle = open(&hasty(&talks(answer, times)));
        for _ in 0..2 {
            let begun = crate::clock::monotonic();
            assert!(handle.version().await.is_err(), "{answer:?}");
            assert!(handle.entries().await.is_err(), "{answer:?}");
            assert!(begun.elapsed() < Duration::from_secs(8), "{answer:?}");
        }
    }
}
