//! Is a bound token taken with a proof that is used once, and what when nobody knows whether it was?

use std::sync::atomic::Ordering;

use vingate::pipeline::ports::LookupError;

use crate::code;
use crate::fake::{Court, OWNED, Request};
use crate::support::proofs::Prover;

fn court() -> Court {
    Court::with(&["dpop={ store = \"local\" }"])
}

/// A good request of the owner with this proof's `jti`.
fn proven(court: &Court, prover: &Prover, id: &str) -> Request {
    let token = court.sign(&prover.claims("owner"));
    let address = format!("http://gateway.test/cars/{OWNED}/battery");
    let proof = prover.proof(&token, ("GET", &address), id);
    Request::read(OWNED).with_proof(&token, &proof)
}

#[test]
fn a_proof_counts_once() {
    let (court, prover) = (court(), Prover::new());
    let request = proven(&court, &prover, "j1");
    let permit = court.judge(&request).unwrap();
    let principal = permit.principal().unwrap();
    let now = vingate::clock::unix_time();
    assert!(principal.authentication(now).bound);
    let denial = court.judge(&request).unwrap_err();
    assert_eq!(denial.code(), "token-invalid");
    assert_eq!(denial.reason(), "proof-replayed");
    assert_eq!(code(&court.judge(&proven(&court, &prover, "j2"))), "permit");
}

#[test]
fn what_proves_nothing_costs_no_store() {
    let (court, prover) = (court(), Prover::new());
    let token = court.sign(&prover.claims("owner"));
    let elsewhere = prover.proof(&token, ("GET", "http://gateway.test/cars"), "j1");
    for proof in ["garbage", &elsewhere] {
        let judged = court.judge(&Request::read(OWNED).with_proof(&token, proof));
        assert_eq!(code(&judged), "token-invalid");
    }
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "permit"
    );
    assert_eq!(court.ports.asked_for_proof.load(Ordering::Relaxed), 0);
}

#[test]
fn unknown_is_not_absent() {
    let (court, prover) = (court(), Prover::new());
    for failure in [
        LookupError::TimedOut,
        LookupError::Unreachable,
        LookupError::Malformed,
    ] {
        *court.ports.proof_failure.lock().unwrap() = Some(failure);
        let denial = court.judge(&proven(&court, &prover, "j1")).unwrap_err();
        assert_eq!(denial.code(), "dependency-unavailable", "{failure}");
        assert_eq!(denial.reason(), "used-proofs", "{failure}");
    }
    *court.ports.proof_failure.lock().unwrap() = None;
    court.ports.hang_proofs.store(true, Ordering::Relaxed);
    let hanging = court.judge(&proven(&court, &prover, "j1"));
    assert_eq!(code(&hanging), "dependency-unavailable");
    assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 0);
}

#[test]
fn a_surface_that_demands_binding_takes_nothing_else() {
    let set = [
        "dpop={ store = \"local\" }",
        "surfaces.mobile.bound_tokens=required",
    ];
    let (court, prover) = (Court::with(&set), Prover::new());
    let denial = court.judge(&Request::read(OWNED).by("owner")).unwrap_err();
    assert_eq!(denial.reason(), "not-bound");
    assert_eq!(code(&court.judge(&proven(&court, &prover, "j1"))), "permit");
}
