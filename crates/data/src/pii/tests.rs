//! Each rule on what it must find and on what it must leave alone.

use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(mask(text, &PiiRule::ALL).text, expected, "from {text:?}");
}

#[track_caller]
fn check_left_alone(text: &str) {
    check(text, text);
}

#[test]
fn emails() {
    check("Write to jane.doe+bank@mail.example.co.uk.", "Write to [EMAIL].");
    check("请联系zhang@example.com或<a_b@c-d.org>", "请联系[EMAIL]或<[EMAIL]>");
    check_left_alone("@handle, a@b, x@localhost, 5 @ $3.00, .a.@.com");
}

#[test]
fn cards_need_a_network_and_the_luhn_digit() {
    check("Card 4111 1111 1111 1111 was charged", "Card [BANK_CARD] was charged");
    check("5500-0000-0000-0004, 378282246310005", "[BANK_CARD], [BANK_CARD]");
    check("卡号6222020111122220002。", "卡号[BANK_CARD]。");
    check_left_alone("4111 1111 1111 1112");
    check_left_alone("Reference 1234567890123452 and $4111111111111111");
    check_left_alone("id AB4111111111111111, 0.4111111111111111");
}

#[test]
fn ibans_need_length_and_check_digits() {
    check("IBAN DE89 3704 0044 0532 0130 00 in Berlin", "IBAN [IBAN] in Berlin");
    check("GB82WEST12345698765432", "[IBAN]");
    check("NL91ABNA0417164300 or NO93 8601 1117 947", "[IBAN] or [IBAN]");
    check_left_alone("DE88 3704 0044 0532 0130 00");
    check_left_alone("ZZ89370400440532013000 CARD2024ABCDEFGHIJ");
}

#[test]
fn resident_ids_need_a_date_and_the_check_character() {
    check("身份证11010519491231002X办理", "身份证[RESIDENT_ID]办理");
    check("ID: 440524188001010014.", "ID: [RESIDENT_ID].");
    check_left_alone("110105194912310021");
    check_left_alone("11010519490231002X");
}

#[test]
fn ip_addresses_but_not_versions_or_times() {
    check("from 203.0.113.7:8080 and 10.0.0.0/8", "from [IP_ADDRESS]:8080 and [IP_ADDRESS]/8");
    check("host 2001:db8::8a2e:370:7334,", "host [IP_ADDRESS],");
    check("::ffff:192.0.2.128", "[IP_ADDRESS]");
    check_left_alone("version 1.2.3.4, v10.0.0.1, 版本 2.0.0.1, 1.2.3.4.5, 256.1.1.1");
    check_left_alone("at 12:30:45, std::fmt, ::1, 127.0.0.1, 0.0.0.0, 1:2, a::b::c");
}

#[test]
fn phones() {
    check("Call +1 (212) 555-0123 or +44 20 7946 0958.", "Call [PHONE] or [PHONE].");
    check("手机13812345678，座机010-62345678", "手机[PHONE]，座机[PHONE]");
    check("+86 138-1234-5678; (021) 62345678; 400-820-8820", "[PHONE]; [PHONE]; [PHONE]");
    check("(212) 555-0123, 212.555.0123 and 1-800-555-0199", "[PHONE], [PHONE] and [PHONE]");
}

#[test]
fn amounts_dates_and_codes_stay() {
    check_left_alone("$13812345678.00, 1,234,567.89, +5.00%, +100,000 points, 2024-11-14");
    check_left_alone("Order 1381234567, account 2125550123, SKU 400-8208, 2025-12-31 10:00-18:00");
    check_left_alone("0.13812345678, 138123456789, ABC13812345678, 1-2-3, 555-0123, 12/31/2025");
    check_left_alone("limits from $37,500 to $225,000; 3-5 days; 18-24 months; 24/7; 1099-INT");
}

#[test]
fn overlaps_go_to_the_first_rule_and_counts_are_kept() {
    let masked = mask("a@b.io a@c.io 13812345678", &PiiRule::ALL);
    assert_eq!(masked.text, "[EMAIL] [EMAIL] [PHONE]");
    let counts: Vec<_> = masked.counts.into_iter().collect();
    assert_eq!(counts, [(PiiRule::Email, 2), (PiiRule::Phone, 1)]);
    let only_phones = mask("a@b.io 13812345678", &[PiiRule::Phone]);
    assert_eq!(only_phones.text, "a@b.io [PHONE]");
}
