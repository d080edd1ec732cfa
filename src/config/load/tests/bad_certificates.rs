//! Which words about clients' certificates are refused?

use super::{CONFIG, Estate, ROUTES};

const TABLE: &str = "[certificates.tcu]\nauthorities_file = \"ca.pem\"\ncrl_files = []\n";

const NAMED: &str = "principal = { kind = \"Vehicle\", name = { uri = \"urn:vin:{vin}\" } }\n";

const SURFACE: &str = "[surfaces.tcu]\ncertificates = [\"tcu\"]\non_cold_start = \"open\"\n";

/// A listener that asks for them.
const LISTENER: &str = "[listeners.tcu]\naddress = \"127.0.0.1:0\"\ntls = { certificate_file = \"c\", \
                        key_file = \"k\", client_certificates = { accepted = [\"tcu\"], presence = \"required\" } }\n";

/// What is added, and what is told.
fn check(added: &str, expected: &[&str]) {
    let config = format!("{CONFIG}\n{added}");
    let told = Estate::new(&config, ROUTES).mistakes(&[]);
    let told: Vec<&str> = told
        .iter()
        .filter_map(|told| told.split_once(": "))
        .map(|(_, told)| told)
        .collect();
    assert_eq!(told, expected, "{added}");
}

#[test]
fn what_a_surface_goes_by_names_somebody_and_is_asked_for() {
    let whole = format!("{TABLE}{NAMED}{SURFACE}{LISTENER}");
    check(&whole, &[]);
    let nobody = "`tcu` names nobody: it lacks `certificates.tcu.principal`";
    check(&format!("{TABLE}{SURFACE}{LISTENER}"), &[nobody]);
    let unasked = "no listener asks for certificates of `tcu`: it stands in none's \
                   `tls.client_certificates.accepted`";
    check(&format!("{TABLE}{NAMED}{SURFACE}"), &[unasked]);
    let unknown = "unknown table of certificates `tcu`, there is none";
    check(&format!("{SURFACE}{LISTENER}"), &[unknown, unknown]);
    let proof = whole.replace(SURFACE, "").replace(NAMED, "");
    check(&proof, &[]);
}

#[test]
fn a_name_stands_once_in_the_form_of_its_kind() {
    let vehicle = "`certificates.tcu.principal.name.uri` of a `Vehicle` wants `{vin}` once, such as \
                   `urn:vin:{vin}`, not ";
    for pattern in ["urn:vin:{subject}", "urn:vin:", "{vin}{vin}", "*{vin}"] {
        let named = NAMED.replace("urn:vin:{vin}", pattern);
        check(
            &format!("{TABLE}{named}{LISTENER}"),
            &[&format!("{vehicle}`{pattern}`")],
        );
    }
    let client = "principal = { kind = \"Client\", name = { dns = \"{vin}.example\" } }\n";
    let told = "`certificates.tcu.principal.name.dns` of a `Client` wants `{subject}` once, such as \
                `{subject}.partners.example`, not `{vin}.example`";
    check(&format!("{TABLE}{client}{LISTENER}"), &[told]);
}

#[test]
fn revocation_and_presence_are_written_in_so_many_words() {
    let silent = TABLE.replace("crl_files = []\n", "");
    check(&format!("{silent}{LISTENER}"), &["missing key `crl_files`"]);
    let silent = LISTENER.replace(", presence = \"required\"", "");
    check(&format!("{TABLE}{silent}"), &["missing key `presence`"]);
}

#[test]
fn no_two_vouch_for_the_same_names_unless_it_is_said() {
    let user = "principal = { kind = \"User\", name = { common-name = \"{subject}\" } }\n";
    let told = "issuer `tcu` is another issuer of `User` subjects, and ownership facts name subjects \
                without their issuer: say `same_subjects_as`, or choose another kind";
    check(&format!("{TABLE}{user}{LISTENER}"), &[told]);
    let said = user.replace("kind", "same_subjects_as = \"owners\", kind");
    check(&format!("{TABLE}{said}{LISTENER}"), &[]);
    let twice = format!("{TABLE}{LISTENER}")
        .replace("certificates.tcu", "certificates.owners")
        .replace("[\"tcu\"]", "[\"owners\"]");
    check(&twice, &["`owners` is the name of an issuer too"]);
}
