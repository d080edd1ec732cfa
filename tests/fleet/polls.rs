//! Is a result polled at another replica than its command was sent to, and what without Redis?

use serde_json::json;

use crate::support::redis::Redis;
use crate::support::{Answer, Gateway, Plan, Tokens, Upstream, client};

const VIN: &str = "SJNFAAZE0U6012345";

const ROUTES: &str = r#"
[[route]]
id = "start"
surface = "mobile"
methods = ["POST"]
path = "/start"
action = "StartClimate"
vehicle = { form = "VIN" }
result_key = { answer = "/resultKey" }
upstream = "telematics"

[[route]]
id = "result"
surface = "mobile"
methods = ["POST"]
path = "/result"
action = "PollResult"
vehicle = { form = "VIN" }
result_key = { form = "resultKey" }
upstream = "telematics"
"#;

struct House {
    upstream: Upstream,
    tokens: Tokens,
    redis: Redis,
    gateways: Vec<Gateway>,
    _keys: tempfile::TempDir,
}

fn house() -> House {
    let (upstream, tokens, redis) = (Upstream::start(), Tokens::new(), Redis::start());
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("fleet.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let car = json!({
        "vin": VIN, "owner": "owner", "drivers": [], "region": "NE", "trim": "SV",
        "capabilities": ["climate"], "telematics": true,
    });
    let set = [
        "result_keys.store=redis".to_owned(),
        format!("switches.fleet_key_file={}", key.display()),
        format!("redis.url={}", redis.url()),
    ];
    let plan = Plan {
        routes: ROUTES,
        vehicles: &car.to_string(),
        set: &set.each_ref().map(String::as_str),
        ..Plan::default()
    };
    let gateways = [(); 2].map(|()| Gateway::start(&plan, &upstream, &tokens));
    House {
        upstream,
        tokens,
        redis,
        gateways: gateways.into(),
        _keys: keys,
    }
}

impl House {
    fn post(&self, replica: usize, path: &str, form: &str) -> Answer {
        let (token, length) = (self.tokens.token("owner"), form.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{form}"
        );
        client::exchange(self.gateways[replica].edge, request.as_bytes())
    }

    fn start(&self, replica: usize, key: &str) {
        let body = json!({"resultKey": key}).to_string();
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        self.upstream.answer_with(answer.as_bytes());
        let started = self.post(replica, "/start", &format!("VIN={VIN}"));
        assert_eq!(started.text(), body, "{}", self.gateways[replica].stderr());
    }

    fn poll(&self, replica: usize, key: &str) -> Answer {
        self.post(replica, "/result", &format!("VIN={VIN}&resultKey={key}"))
    }
}

#[test]
fn a_key_given_out_by_one_replica_counts_at_another() {
    let mut house = house();
    for (number, (here, there)) in [(0, 1), (1, 0)].into_iter().enumerate() {
        let key = format!("K{number}");
        house.start(here, &key);
        assert_eq!(house.poll(there, &key).status, 200);
        assert_eq!(house.poll(there, "made-up").status, 403);
    }
    house.redis.kill();
    // unknown is not absent: it may have been given out by the other one
    assert_eq!(house.poll(1, "K0").status, 503);
    assert_eq!(house.poll(0, "K0").status, 200, "its own");
    house.start(0, "K2");
    assert_eq!(
        house.poll(0, "K2").status,
        200,
        "the car was asked, and its answer came"
    );
    assert_eq!(house.poll(1, "K2").status, 503);
    let lost = house.gateways[0].metric("vingate_result_keys_lost_total");
    assert!(lost >= 1.0, "{lost}");
}
