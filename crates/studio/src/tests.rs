//! The routes as a client sees them, over files and a report made here.

use crate::files::{StaticFile, StaticFiles};
use crate::routes::router_over;
use crate::{DocumentSource, Language, StudioInfo, StudioState, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use catena_protocol::{
    CuratedSet, Document, LossPoint, QualityMetrics, RetrievalReport, RunReport, StageReport,
    StageStatus, TrainingRun,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use tower::ServiceExt;

/// A path, its media type and its text.
type FileRow = (&'static str, &'static str, &'static str);

const APP: &[FileRow] = &[
    ("index.html", "text/html", "<!doctype html><title>app</title>"),
    ("favicon.svg", "image/svg+xml", "<svg/>"),
    ("assets/index-abc.js", "text/javascript", "export {}"),
];

struct Files(&'static [FileRow]);

impl StaticFiles for Files {
    fn file(&self, path: &str) -> Option<StaticFile> {
        let (_, media_type, text) = self.0.iter().find(|(known, ..)| *known == path)?;
        let mut hash = [0; 32];
        hash[0] = u8::try_from(text.len()).unwrap();
        let bytes = Cow::Borrowed(text.as_bytes());
        Some(StaticFile { bytes, hash, media_type: (*media_type).to_owned() })
    }
}

struct BrokenDisk;

impl DocumentSource for BrokenDisk {
    fn document(&self, _id: &str) -> io::Result<Option<Document>> {
        Err(io::Error::other("disk gone"))
    }
}

fn info() -> StudioInfo {
    StudioInfo {
        project: "bank".into(),
        models: vec!["bank".into(), "bank-model".into(), "bank-embedder".into()],
        language: Some(Language::Zh),
        version: "0.1.0".into(),
        example_questions: vec!["How?".into()],
    }
}

fn report() -> RunReport {
    let mut summary = serde_json::Map::new();
    summary.insert("documents".into(), 698.into());
    RunReport {
        project: "bank".into(),
        stages: vec![StageReport {
            name: "data".into(),
            status: StageStatus::Cached,
            seconds: 1.5,
            peak_bytes: 1 << 20,
            summary,
        }],
        before: QualityMetrics { answer_loss: 2.0, token_f1: 0.2, citation_accuracy: 0.1 },
        after: QualityMetrics { answer_loss: 1.0, token_f1: 0.5, citation_accuracy: 0.8 },
        quantized: QualityMetrics::default(),
        retrieval: RetrievalReport::default(),
        loss_curve: vec![],
        data_profile: serde_json::json!({"documents_in": 698}),
        answer: None,
        report: "report.json".into(),
    }
}

fn documents() -> HashMap<String, Document> {
    let document =
        |id: &str| Document {
            id: id.into(), title: "挂失".into(), content: "冻结卡片。".into()
        };
    ["doc_(general)_001", "folder/doc 2"].map(|id| (id.to_owned(), document(id))).into()
}

fn studio(files: &'static [FileRow]) -> Router {
    let state = StudioState::new(info(), Some(report()), documents());
    router_over(state, Arc::new(Files(files)))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn send(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(router: Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

/// A problem document's status, media type, code and detail.
async fn check_problem(router: Router, path: &str, status: u16, code: &str, detail: &str) {
    let answer = get(router, path).await;
    assert_eq!(answer.status.as_u16(), status);
    assert_eq!(
        answer.header(&header::CONTENT_TYPE),
        "application/problem+json; charset=utf-8",
        "{path}"
    );
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code);
    assert_eq!(problem["detail"], detail);
}

#[tokio::test]
async fn info_is_what_the_binary_handed_over() {
    let answer = get(studio(APP), "/api/studio/info").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(&header::CONTENT_TYPE), "application/json");
    assert_eq!(answer.header(&header::CACHE_CONTROL), "no-store");
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "project": "bank",
      "models": [
        "bank",
        "bank-model",
        "bank-embedder"
      ],
      "language": "zh",
      "version": "0.1.0",
      "example_questions": [
        "How?"
      ]
    }
    "#);
}

#[tokio::test]
async fn the_report_is_the_runs_own() {
    let answer = get(studio(APP), "/api/studio/report").await;
    assert_eq!(answer.status, StatusCode::OK);
    let read: RunReport = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(read, report());
}

#[tokio::test]
async fn there_is_no_report_before_the_first_run() {
    let state = StudioState::new(info(), None, documents());
    let studio = router_over(state, Arc::new(Files(APP)));
    let detail = "no run has ended in this project yet";
    check_problem(studio, "/api/studio/report", 404, "no_report", detail).await;
}

#[tokio::test]
async fn runs_are_looked_up_when_they_are_asked_for() {
    let none = get(studio(APP), "/api/studio/runs").await;
    assert_eq!((none.status, none.body.as_str()), (StatusCode::OK, "[]"));
    let run = TrainingRun {
        name: "runs/sft".to_owned(),
        idle_seconds: 1.5,
        total_steps: Some(40),
        points: vec![LossPoint { step: 1, loss: 2.5, learning_rate: 0.1, grad_norm: 1.0 }],
        evaluations: Vec::new(),
        speeds: Vec::new(),
    };
    let state = StudioState::new(info(), None, documents()).with_runs(vec![run.clone()]);
    let answer = get(router_over(state, Arc::new(Files(APP))), "/api/studio/runs").await;
    let read: Vec<TrainingRun> = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(read, [run]);
}

#[tokio::test]
async fn cleaned_sets_are_looked_up_when_they_are_asked_for() {
    let none = get(studio(APP), "/api/studio/data").await;
    assert_eq!((none.status, none.body.as_str()), (StatusCode::OK, "[]"));
    let sets: Vec<CuratedSet> = serde_json::from_str(include_str!("tests/sets.json")).unwrap();
    let state = StudioState::new(info(), None, documents()).with_sets(sets.clone());
    let answer = get(router_over(state, Arc::new(Files(APP))), "/api/studio/data").await;
    let read: Vec<CuratedSet> = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(read, sets);
}

#[tokio::test]
async fn documents_are_found_by_any_id() {
    for (path, id) in [
        ("/api/studio/documents/doc_(general)_001", "doc_(general)_001"),
        ("/api/studio/documents/doc_%28general%29_001", "doc_(general)_001"),
        ("/api/studio/documents/folder%2Fdoc%202", "folder/doc 2"),
    ] {
        let answer = get(studio(APP), path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.json()["id"], id);
        assert_eq!(answer.json()["content"], "冻结卡片。");
    }
}

#[tokio::test]
async fn problems_say_what_is_missing() {
    let (path, detail) = ("/api/studio/documents/nope", "document `nope` is not in this project");
    check_problem(studio(APP), path, 404, "document_not_found", detail).await;
    for path in ["/api/studio/nope", "/api/", "/v1/nope"] {
        let detail = format!("no route `{path}`");
        check_problem(studio(APP), path, 404, "route_not_found", &detail).await;
    }
    let broken = StudioState::new(info(), None, BrokenDisk);
    let (path, detail) = ("/api/studio/documents/d", "document `d` cannot be read: disk gone");
    let broken = router_over(broken, Arc::new(Files(APP)));
    check_problem(broken, path, 500, "document_unreadable", detail).await;
}

#[tokio::test]
async fn files_have_their_types_and_caching() {
    let immutable = "public, max-age=31536000, immutable";
    for (path, media_type, caching) in [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/index.html", "text/html; charset=utf-8", "no-cache"),
        ("/favicon.svg", "image/svg+xml", "no-cache"),
        ("/assets/index-abc.js", "text/javascript; charset=utf-8", immutable),
    ] {
        let answer = get(studio(APP), path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header(&header::CONTENT_TYPE), media_type, "{path}");
        assert_eq!(answer.header(&header::CACHE_CONTROL), caching, "{path}");
        assert_eq!(answer.header(&header::ETAG).len(), 34, "{path}");
    }
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let etag = get(studio(APP), "/").await.header(&header::ETAG).to_owned();
    let ask = |sent: &str| {
        Request::get("/").header(header::IF_NONE_MATCH, sent).body(Body::empty()).unwrap()
    };
    for sent in [etag.clone(), format!("W/{etag}"), format!("\"old\", {etag}"), "*".into()] {
        let answer = send(studio(APP), ask(&sent)).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{sent}");
        assert_eq!(answer.body, "");
        assert_eq!(answer.header(&header::ETAG), etag);
    }
    assert_eq!(send(studio(APP), ask("\"old\"")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn other_paths_are_the_apps_pages() {
    for path in ["/chat", "/report", "/report/", "/anything/else", "/apix", "/../etc/passwd"] {
        let answer = get(studio(APP), path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.body, APP[0].2, "{path}");
    }
    let gone = get(studio(APP), "/assets/index-old.js").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_app_is_only_read() {
    let post = Request::post("/chat").body(Body::empty()).unwrap();
    let answer = send(studio(APP), post).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header(&header::ALLOW), "GET, HEAD");
    let head = Request::builder().method(Method::HEAD).uri("/chat").body(Body::empty()).unwrap();
    assert_eq!(send(studio(APP), head).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_is_secured() {
    for path in ["/", "/api/studio/info", "/api/studio/documents/nope", "/assets/none.js", "/v1/x"]
    {
        let answer = get(studio(APP), path).await;
        let policy = answer.header(&header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("script-src 'self';"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header(&header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(answer.header(&header::X_FRAME_OPTIONS), "DENY", "{path}");
    }
}

#[tokio::test]
async fn without_the_app_a_page_says_how_to_build_it() {
    for path in ["/", "/chat", "/report"] {
        let answer = get(studio(&[]), path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header(&header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(answer.header(&header::CACHE_CONTROL), "no-store");
        assert!(answer.body.contains("<code>make build</code>"));
        assert!(answer.body.contains("run build</code>"));
    }
    assert_eq!(get(studio(&[]), "/api/studio/info").await.status, StatusCode::OK);
}

#[tokio::test]
async fn it_merges_with_other_routes() {
    let other = Router::new().route("/v1/models", axum::routing::get(async || "models"));
    let both = other.merge(router(StudioState::new(info(), None, documents())));
    assert_eq!(get(both.clone(), "/v1/models").await.body, "models");
    let page = get(both, "/chat").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header(&header::CONTENT_TYPE), "text/html; charset=utf-8");
}
