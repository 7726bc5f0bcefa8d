//! Secrets: what is one, and what only names or describes one.
//!
//! The prefixes are put together here, so that no scanner takes the made-up tokens for leaked ones.

use super::*;

const BODY: &str = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a7B8c9D0";

#[test]
fn keys_of_known_services() {
    for (prefix, length) in [
        ("ghp_", 36),
        ("glpat-", 20),
        ("xoxb-", 40),
        ("AIza", 35),
        ("hf_", 34),
        ("npm_", 36),
        ("sk-ant-api03-", 60),
        ("sk-proj-", 48),
        ("sk_live_", 24),
        ("pypi-AgE", 60),
        ("gsk_", 52),
        ("LTAI", 20),
    ] {
        let key = format!("{prefix}{}", &BODY[..length]);
        check(&format!("key {key}."), "key [API_KEY].");
        check(&format!("x=\"{key}\""), "x=\"[API_KEY]\"");
        check_left_alone(&format!("{prefix}{}", "x".repeat(length)));
        check_left_alone(&format!("{prefix}{}", &BODY[..8]));
    }
    check(&format!("id {}Q3EGRQ7XK2MZ5ABC", "AKIA"), "id [API_KEY]");
    check(&format!("bot 123456789:AA{}", &BODY[..33]), "bot [API_KEY]");
    check_left_alone("sk-learn-is-a-long-name-of-a-package-2");
}

#[test]
fn json_web_tokens() {
    let token = format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.{}", &BODY[..43]);
    check(&format!("Bearer {token};"), "Bearer [JWT];");
    check_left_alone("eyJhbGciOiJIUzI1NiJ9 eyJhbGciOiJIUzI1NiJ9.e30.x header.payload.signature");
}

#[test]
fn private_keys() {
    let line = &BODY[..48];
    let block =
        |kind: &str| format!("-----BEGIN {kind}-----\n{line}\n{line}\n-----END {kind}-----");
    for kind in ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        check(&format!("a\n{}\nb", block(kind)), "a\n[PRIVATE_KEY]\nb");
    }
    check_left_alone(&block("PUBLIC KEY"));
    let cut = format!("-----BEGIN PRIVATE KEY-----\n{line}\n");
    check(&format!("{cut}{cut}!"), "[PRIVATE_KEY]\n[PRIVATE_KEY]\n!");
    check_left_alone("-----BEGIN PRIVATE KEY, the PRIVATE KEY----- of");
}

#[test]
fn assigned_passwords_and_tokens() {
    check("password: Tr4vel!ng2, user: x", "password: [PASSWORD], user: x");
    check("\"db_password\": \"hunter22\"", "\"db_password\": \"[PASSWORD]\"");
    check("密码：abc12345。密码是abc12345", "密码：[PASSWORD]。密码是[PASSWORD]");
    check("let password: &str = \"hunter22\";", "let password: &str = \"[PASSWORD]\";");
    let secret = format!("client_secret='{}'", &BODY[..32]);
    check(&secret, "client_secret='[PASSWORD]'");
    check_left_alone("password: string; password = get(); password=os.environ[\"A_2\"]");
    check_left_alone(
        "token: 512, secret: patience, max_tokens: 4096, api_key: YOUR_API_KEY_123456",
    );
    check_left_alone("password: ******** password=${DB_PASSWORD_1} compass: north22");
    check_left_alone(&format!("id={}", &BODY[..32]));
}

#[test]
fn credentials_in_addresses() {
    check("postgres://app:S3cr3t@db/x", "postgres://[URL_CREDENTIALS]@db/x");
    check("https://u:p4ss@a.example.com", "https://[URL_CREDENTIALS]@a.example.com");
    check_left_alone("postgres://user:password@localhost/db ftp://user@host http://h:80/a@b");
    check_left_alone("https://<user>:<token>@host https://{user}:{secret}@host");
}
