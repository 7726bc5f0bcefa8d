//! PEFT's kinds of adapters: those that we know, and why the others are refused.

/// `peft_type` of the adapters that are trained here.
pub(crate) const LORA: &str = "LORA";
/// The same of learned vectors.
pub(crate) const IA3: &str = "IA3";
/// The same of learned keys and values.
pub(crate) const PREFIX_TUNING: &str = "PREFIX_TUNING";

/// What is said of a type that is in no list.
const UNKNOWN: &str = "PEFT 0.21 has no such type; supported are LORA, IA3 and PREFIX_TUNING";

/// All other types of PEFT 0.21 (`peft/utils/peft_types.py`), each with what it is and the type trained
/// here that is nearest to it: what it learns is of the same kind and stands at the same place.
pub(crate) const REFUSED: [(&str, &str, &str); 42] = [
    (
        "ADALORA",
        "pairs with singular values whose ranks change while they are trained: not supported",
        LORA,
    ),
    ("ADAMSS", "subspaces of weights found by clustering: not supported", LORA),
    (
        "ADAPTION_PROMPT",
        "prompts inside attention behind a learned gate: not supported",
        PREFIX_TUNING,
    ),
    ("BEFT", "biases alone, of chosen projections: not supported", IA3),
    ("BOFT", "products of sparse orthogonal matrices: not supported", LORA),
    ("C3A", "circular convolutions of blocks: not supported", LORA),
    ("CARTRIDGE", "keys and values distilled from a long context: not supported", PREFIX_TUNING),
    ("CPT", "prompts initialized from examples: not supported", PREFIX_TUNING),
    ("DEFT", "decomposed projections of weights: not supported", LORA),
    ("DELORA", "pairs of bounded length apart from their direction: not supported", LORA),
    ("FOURIERFT", "sparse coefficients of a Fourier transform: not supported", LORA),
    ("FROD", "rotations in a shared basis: not supported", LORA),
    ("GLORA", "pairs for weights, inputs and biases together: not supported", LORA),
    ("GRALORA", "a grid of small pairs: not supported", LORA),
    ("HIRA", "elementwise products of a pair and the weight: not supported", LORA),
    ("HRA", "chains of Householder reflections: not supported", LORA),
    ("LILY", "pairs whose halves are shared between layers: not supported", LORA),
    (
        "LN_TUNING",
        "norms trained whole: not supported, `modules_to_save` of a LORA adapter can hold them",
        LORA,
    ),
    ("LOHA", "Hadamard products of pairs: not supported", LORA),
    ("LOKR", "Kronecker products: not supported", LORA),
    ("MISS", "one shared shard per row: not supported", LORA),
    ("MULTITASK_PROMPT_TUNING", "prompts shared between tasks: not supported", PREFIX_TUNING),
    ("OFT", "orthogonal factors of weights: not supported", LORA),
    ("OSF", "the orthogonal rest of a decomposed weight: not supported", LORA),
    ("PEANUT", "small networks over weights: not supported", LORA),
    ("POLY", "a learned mixture of pairs: not supported", LORA),
    (
        "PROMPT_TUNING",
        "learned vectors before the tokens: not supported, PREFIX_TUNING is",
        PREFIX_TUNING,
    ),
    ("PSOFT", "orthogonal factors in the principal subspace: not supported", LORA),
    ("PVERA", "random shared pairs with probabilistic scales: not supported", LORA),
    (
        "P_TUNING",
        "learned vectors before the tokens, made by a network: not supported, PREFIX_TUNING is",
        PREFIX_TUNING,
    ),
    ("RANDLORA", "sums of random pairs with learned scales: not supported", LORA),
    ("ROAD", "rotations of pairs of outputs: not supported", IA3),
    ("SHADOW", "a small model beside the large one: not supported", LORA),
    ("SHIRA", "sparse changes of weights: not supported", LORA),
    ("SUPERTUNING", "chosen entries of weights: not supported", LORA),
    ("TINYLORA", "a few values that steer frozen pairs: not supported", LORA),
    (
        "TRAINABLE_TOKENS",
        "rows of the table of tokens: not supported, `modules_to_save` can hold all of it",
        LORA,
    ),
    ("UNILORA", "all pairs as a projection of one vector: not supported", LORA),
    ("VBLORA", "pairs mixed from a shared bank of vectors: not supported", LORA),
    ("VERA", "random shared pairs with learned scales: not supported", LORA),
    ("WAVEFT", "sparse coefficients of a wavelet transform: not supported", LORA),
    ("XLORA", "pairs chosen per token by a network: not supported", LORA),
];

/// Why a type is refused, if it is.
pub(crate) fn refusal(peft_type: &str) -> Option<&'static str> {
    if [LORA, IA3, PREFIX_TUNING].contains(&peft_type) {
        return None;
    }
    Some(refused_type(peft_type).map_or(UNKNOWN, |(what, _)| what))
}

/// What a `peft_type` of PEFT that is not supported is, and the supported one that is nearest to it;
/// nothing for a type that is supported, or that PEFT does not have.
pub fn refused_type(peft_type: &str) -> Option<(&'static str, &'static str)> {
    let known = REFUSED.iter().find(|(name, ..)| *name == peft_type);
    known.map(|(_, what, nearest)| (*what, *nearest))
}
