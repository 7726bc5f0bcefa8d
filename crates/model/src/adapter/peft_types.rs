//! PEFT's kinds of adapters: those that we know, and why the others are refused.

/// `peft_type` of the adapters that are trained here.
pub(crate) const LORA: &str = "LORA";
/// The same of learned vectors.
pub(crate) const IA3: &str = "IA3";
/// The same of learned keys and values.
pub(crate) const PREFIX_TUNING: &str = "PREFIX_TUNING";

/// What is said of a type that is in no list.
const UNKNOWN: &str = "PEFT 0.21 has no such type; supported are LORA, IA3 and PREFIX_TUNING";

/// All other types of PEFT 0.21 (`peft/utils/peft_types.py`), each with what it is.
pub(crate) const REFUSED: [(&str, &str); 42] = [
    (
        "ADALORA",
        "pairs with singular values whose ranks change while they are trained: not supported",
    ),
    ("ADAMSS", "subspaces of weights found by clustering: not supported"),
    ("ADAPTION_PROMPT", "prompts inside attention behind a learned gate: not supported"),
    ("BEFT", "biases alone, of chosen projections: not supported"),
    ("BOFT", "products of sparse orthogonal matrices: not supported"),
    ("C3A", "circular convolutions of blocks: not supported"),
    ("CARTRIDGE", "keys and values distilled from a long context: not supported"),
    ("CPT", "prompts initialized from examples: not supported"),
    ("DEFT", "decomposed projections of weights: not supported"),
    ("DELORA", "pairs of bounded length apart from their direction: not supported"),
    ("FOURIERFT", "sparse coefficients of a Fourier transform: not supported"),
    ("FROD", "rotations in a shared basis: not supported"),
    ("GLORA", "pairs for weights, inputs and biases together: not supported"),
    ("GRALORA", "a grid of small pairs: not supported"),
    ("HIRA", "elementwise products of a pair and the weight: not supported"),
    ("HRA", "chains of Householder reflections: not supported"),
    ("LILY", "pairs whose halves are shared between layers: not supported"),
    (
        "LN_TUNING",
        "norms trained whole: not supported, `modules_to_save` of a LORA adapter can hold them",
    ),
    ("LOHA", "Hadamard products of pairs: not supported"),
    ("LOKR", "Kronecker products: not supported"),
    ("MISS", "one shared shard per row: not supported"),
    ("MULTITASK_PROMPT_TUNING", "prompts shared between tasks: not supported"),
    ("OFT", "orthogonal factors of weights: not supported"),
    ("OSF", "the orthogonal rest of a decomposed weight: not supported"),
    ("PEANUT", "small networks over weights: not supported"),
    ("POLY", "a learned mixture of pairs: not supported"),
    ("PROMPT_TUNING", "learned vectors before the tokens: not supported, PREFIX_TUNING is"),
    ("PSOFT", "orthogonal factors in the principal subspace: not supported"),
    ("PVERA", "random shared pairs with probabilistic scales: not supported"),
    (
        "P_TUNING",
        "learned vectors before the tokens, made by a network: not supported, PREFIX_TUNING is",
    ),
    ("RANDLORA", "sums of random pairs with learned scales: not supported"),
    ("ROAD", "rotations of pairs of outputs: not supported"),
    ("SHADOW", "a small model beside the large one: not supported"),
    ("SHIRA", "sparse changes of weights: not supported"),
    ("SUPERTUNING", "chosen entries of weights: not supported"),
    ("TINYLORA", "a few values that steer frozen pairs: not supported"),
    (
        "TRAINABLE_TOKENS",
        "rows of the table of tokens: not supported, `modules_to_save` can hold all of it",
    ),
    ("UNILORA", "all pairs as a projection of one vector: not supported"),
    ("VBLORA", "pairs mixed from a shared bank of vectors: not supported"),
    ("VERA", "random shared pairs with learned scales: not supported"),
    ("WAVEFT", "sparse coefficients of a wavelet transform: not supported"),
    ("XLORA", "pairs chosen per token by a network: not supported"),
];

/// Why a type is refused, if it is.
pub(crate) fn refusal(peft_type: &str) -> Option<&'static str> {
    if [LORA, IA3, PREFIX_TUNING].contains(&peft_type) {
        return None;
    }
    let known = REFUSED.iter().find(|(name, _)| *name == peft_type);
    Some(known.map_or(UNKNOWN, |(_, what)| what))
}
