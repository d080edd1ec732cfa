//! Does a proof count once at all replicas together, and what without Redis?

use serde_json::{Value, json};

use crate::house::ROUTES;
use crate::support::proofs::Prover;
use crate::support::redis::Redis;
use crate::support::{Answer, Gateway, Plan, Tokens, Upstream, client};

const VIN: &str = "SJNFAAZE0U6012345";

struct House {
    redis: Redis,
    gateways: Vec<Gateway>,
    prover: Prover,
    token: String,
    _upstream: Upstream,
    _keys: tempfile::TempDir,
}

fn house(more: &[&str]) -> House {
    let (upstream, tokens, redis) = (Upstream::start(), Tokens::new(), Redis::start());
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("fleet.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let car = json!({
        "vin": VIN, "owner": "owner", "drivers": [], "region": "NE", "trim": "SV",
        "capabilities": ["climate"], "telematics": true,
    });
    let fixed = [
        "dpop.store=redis".to_owned(),
        format!("switches.fleet_key_file={}", key.display()),
        format!("redis.url={}", redis.url()),
    ];
    let mut set: Vec<&str> = fixed.iter().map(String::as_str).collect();
    set.extend(more);
    let plan = Plan {
        routes: ROUTES,
        vehicles: &car.to_string(),
        set: &set,
        ..Plan::default()
    };
    let gateways = [(); 2].map(|()| Gateway::start(&plan, &upstream, &tokens));
    let prover = Prover::new();
    House {
        redis,
        gateways: gateways.into(),
        token: tokens.sign(&prover.claims("owner")),
        prover,
        _upstream: upstream,
        _keys: keys,
    }
}

impl House {
    fn proof(&self, change: &Value) -> String {
        let address = format!("http://h/cars/{VIN}/battery");
        self.prover
            .proof_with(&self.token, ("GET", &address), change)
    }

    fn ask(&self, replica: usize, proof: &str) -> Answer {
        let token = &self.token;
        let request = format!(
            "GET /cars/{VIN}/battery HTTP/1.1\r\nHost: h\r\nAuthorization: DPoP {token}\r\n\
             DPoP: {proof}\r\nConnection: close\r\n\r\n"
        );
        client::exchange(self.gateways[replica].edge, request.as_bytes())
    }
}

#[test]
fn a_proof_counts_once_at_all_replicas_together() {
    let mut house = house(&[]);
    for (number, (here, there)) in [(0, 1), (1, 0)].into_iter().enumerate() {
        let proof = house.proof(&json!({ "jti": format!("j{number}") }));
        let first = house.ask(here, &proof);
        assert_eq!(first.status, 200, "{}", house.gateways[here].stderr());
        for replica in [there, here] {
            assert_eq!(house.ask(replica, &proof).status, 401, "a copy");
        }
    }
    house.redis.kill();
    for replica in [0, 1] {
        let proof = house.proof(&json!({ "jti": format!("alone-{replica}") }));
        let answer = house.ask(replica, &proof);
        assert_eq!(answer.status, 503, "unknown is not absent");
        assert!(answer.header("retry-after").is_some());
        let failures = house.gateways[replica].metric("vingate_dpop_store_failures_total");
        assert!(failures >= 1.0, "{failures}");
    }
}

#[test]
fn a_nonce_of_one_replica_counts_at_another() {
    let house = house(&["dpop.nonce=required"]);
    let refused = house.ask(0, &house.proof(&json!({ "jti": "j1" })));
    let nonce = refused.header("dpop-nonce").unwrap();
    let proof = house.proof(&json!({ "jti": "j2", "nonce": nonce }));
    assert_eq!(house.ask(1, &proof).status, 200);
}
