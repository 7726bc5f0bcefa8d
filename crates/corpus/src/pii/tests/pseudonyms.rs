//! Stand-ins: the same for the same value, different under another key, of the same shape.

use super::*;

fn names() -> Pseudonyms {
    Pseudonyms::new(b"a key for tests")
}

#[track_caller]
fn check_same(rule: PiiRule, values: &[&str]) {
    for value in values {
        assert_eq!(names().stand_in(rule, value), names().stand_in(rule, values[0]), "{value}");
    }
}

#[track_caller]
fn check_realistic(text: &str) {
    let names = names().with_style(PseudonymStyle::Realistic);
    let (replaced, matches) = names.replace(text, &PiiRule::ALL);
    assert_eq!(matches.len(), 1, "in {text:?}");
    let found = matches[0].range.clone();
    let stand_in = &replaced[found.start..replaced.len() - (text.len() - found.end)];
    let shape = |text: &str| text.replace(|ch: char| ch.is_ascii_alphanumeric(), "0");
    assert_eq!(shape(stand_in), shape(&text[found.clone()]), "from {text:?}");
    assert_ne!(stand_in, &text[found]);
    let again = find_pii(&replaced, &[matches[0].rule]);
    assert_eq!(again, [], "{stand_in:?} passes for a real one");
}

#[test]
fn the_hash_is_hmac_sha256() {
    // Python: hmac.new(b"a key for tests", b"email\0ann@b.io", "sha256").hexdigest()[:8]
    assert_eq!(names().stand_in(PiiRule::Email, "Ann@B.io"), "[EMAIL_067e6f4b]");
    // The same with a key of 100 bytes `k`, longer than a block.
    let long = Pseudonyms::new(&[b'k'; 100]);
    assert_eq!(long.stand_in(PiiRule::Qq, "12345"), "[QQ_955d5877]");
}

#[test]
fn one_value_has_one_stand_in_however_it_is_written() {
    check_same(PiiRule::Email, &["Jane.Doe@Example.com", "jane.doe@example.com"]);
    check_same(
        PiiRule::Phone,
        &[
            "13812345678",
            "138-1234-5678",
            "+86 138 1234 5678",
            "(+86)13812345678",
            "0086-13812345678",
            "8613812345678",
        ],
    );
    check_same(
        PiiRule::Phone,
        &["(212) 555-0123", "212.555.0123", "+1 212-555-0123", "1-212-555-0123"],
    );
    check_same(PiiRule::Phone, &["021-62345678", "+86 21 6234 5678", "(021) 62345678"]);
    check_same(PiiRule::Phone, &["+44 20 7946 0958", "+44 (0)20 7946 0958"]);
    check_same(PiiRule::BankCard, &["4111 1111 1111 1111", "4111111111111111"]);
    check_same(PiiRule::ResidentId, &["11010519491231002X", "11010519491231002x"]);
    check_same(PiiRule::IpAddress, &["2001:db8::1", "2001:0DB8:0:0::1"]);
    check_same(PiiRule::LicencePlate, &["京A12345", "京A·12345"]);
    assert_ne!(names().stand_in(PiiRule::Qq, "12345"), names().stand_in(PiiRule::Qq, "12346"));
    let other = Pseudonyms::new(b"another key");
    assert_ne!(names().stand_in(PiiRule::Qq, "12345"), other.stand_in(PiiRule::Qq, "12345"));
}

#[test]
fn tags_keep_the_kind_and_the_text_around() {
    let (replaced, matches) = names().replace("a@b.io, A@B.io!", &PiiRule::ALL);
    let tag = names().stand_in(PiiRule::Email, "a@b.io");
    assert_eq!(replaced, format!("{tag}, {tag}!"));
    assert_eq!(matches.len(), 2);
    assert!(tag.starts_with("[EMAIL_") && tag.len() == "[EMAIL_00000000]".len());
}

#[test]
fn realistic_numbers_keep_their_shape_and_are_invalid() {
    check_realistic("（13812345678）");
    check_realistic("+86 138-1234-5678");
    check_realistic("(212) 555-0123");
    check_realistic("021-62345678");
    check_realistic("4111 1111 1111 1111");
    check_realistic("DE89 3704 0044 0532 0130 00");
    check_realistic("11010519491231002X");
    check_realistic("91350100M000100Y43");
    check_realistic("京A12345");
    check_realistic("SSN 123-45-6780");
    check_realistic("A123456(3)");
    check_realistic("A123456789");
    check_realistic("QQ: 123456789");
}

#[test]
fn realistic_addresses_are_reserved_ones() {
    let names = names().with_style(PseudonymStyle::Realistic);
    let email = names.stand_in(PiiRule::Email, "jane@bank.com");
    assert!(email.starts_with("user_") && email.ends_with("@example.com"), "{email}");
    let v4: std::net::Ipv4Addr = names.stand_in(PiiRule::IpAddress, "8.8.8.8").parse().unwrap();
    assert!(v4.octets()[0] >= 240 && !v4.is_broadcast());
    let v6 = names.stand_in(PiiRule::IpAddress, "2400:3200::1");
    assert!(v6.starts_with("2001:db8:") && v6.parse::<std::net::Ipv6Addr>().is_ok(), "{v6}");
}

#[test]
fn the_key_is_not_shown() {
    assert_eq!(format!("{:?}", names()), "Pseudonyms { style: Tag, .. }");
}
