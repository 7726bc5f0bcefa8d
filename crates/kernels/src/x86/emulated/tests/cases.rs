//! The lists of instructions.

// The processor's, which the functions that call the emulation hide behind its own.
use std::arch::x86_64::*;

use super::agree::{Same, Twin, agree, bits, bytes, call, float, rounds, sized, take};
use super::inputs::Inputs;
use super::twins as twin;

agree! { floats_agree needs ["avx512f", "avx512dq"]
    float(a, b) _mm512_add_ps = _mm256_add_ps;
    float(a, b) _mm512_sub_ps = _mm256_sub_ps;
    float(a, b) _mm512_mul_ps = _mm256_mul_ps;
    float(a, b) _mm512_max_ps = _mm256_max_ps;
    float(a, b) _mm512_div_ps = _mm256_div_ps;
    float(a, b, c) _mm512_fmadd_ps = _mm256_fmadd_ps;
    float(c, a, b) _mm512_maskz_div_ps = twin::maskz_div;
    bits(a) _mm512_abs_ps = twin::abs;
    float(a, b) _mm512_scalef_ps;
}

agree! { roundings_agree needs ["avx512f", "avx512dq"]
    float(a) _mm512_roundscale_ps::<0> = _mm256_round_ps::<0>;
    float(a) _mm512_roundscale_ps::<4> = _mm256_round_ps::<4>;
    float(a) _mm512_roundscale_ps::<8> = _mm256_round_ps::<8>;
    float(a) _mm512_roundscale_ps::<9> = _mm256_round_ps::<9>;
    float(a) _mm512_roundscale_ps::<10> = _mm256_round_ps::<10>;
    float(a) _mm512_roundscale_ps::<11> = _mm256_round_ps::<11>;
    float(a) _mm512_roundscale_ps::<0x38> = twin::round_to_8ths::<8>;
    float(a) _mm512_roundscale_ps::<0x3b> = twin::round_to_8ths::<11>;
    float(a) _mm512_roundscale_ps::<0xf9>;
    float(a) _mm512_reduce_ps::<1>;
    float(a) _mm512_reduce_ps::<0x38>;
}

agree! { comparisons_agree needs ["avx512f"]
    bits(a, b) _mm512_cmp_ps_mask::<0> = twin::cmp::<0>;
    bits(a, b) _mm512_cmp_ps_mask::<1> = twin::cmp::<1>;
    bits(a, b) _mm512_cmp_ps_mask::<2> = twin::cmp::<2>;
    bits(a, b) _mm512_cmp_ps_mask::<3> = twin::cmp::<3>;
    bits(a, b) _mm512_cmp_ps_mask::<4> = twin::cmp::<4>;
    bits(a, b) _mm512_cmp_ps_mask::<5> = twin::cmp::<5>;
    bits(a, b) _mm512_cmp_ps_mask::<6> = twin::cmp::<6>;
    bits(a, b) _mm512_cmp_ps_mask::<7> = twin::cmp::<7>;
    bits(a, b) _mm512_cmp_ps_mask::<8> = twin::cmp::<8>;
    bits(a, b) _mm512_cmp_ps_mask::<9> = twin::cmp::<9>;
    bits(a, b) _mm512_cmp_ps_mask::<10> = twin::cmp::<10>;
    bits(a, b) _mm512_cmp_ps_mask::<11> = twin::cmp::<11>;
    bits(a, b) _mm512_cmp_ps_mask::<12> = twin::cmp::<12>;
    bits(a, b) _mm512_cmp_ps_mask::<13> = twin::cmp::<13>;
    bits(a, b) _mm512_cmp_ps_mask::<14> = twin::cmp::<14>;
    bits(a, b) _mm512_cmp_ps_mask::<15> = twin::cmp::<15>;
    bits(a, b) _mm512_cmp_ps_mask::<17> = twin::cmp::<17>;
    bits(a, b) _mm512_cmp_ps_mask::<30> = twin::cmp::<30>;
}

agree! { integers_agree needs ["avx512f", "avx512bw", "avx512vnni"]
    bits(a, b) _mm512_add_epi32 = _mm256_add_epi32;
    bits(a, b) _mm512_max_epi32 = _mm256_max_epi32;
    bits(a, b) _mm512_sub_epi32 = _mm256_sub_epi32;
    bits(a, b) _mm512_and_si512 = _mm256_and_si256;
    bits(a, b) _mm512_or_si512 = _mm256_or_si256;
    bits(a, b, c) _mm512_dpbusd_epi32 = twin::dpbusd;
    bits(a) _mm512_slli_epi32::<0> = _mm256_slli_epi32::<0>;
    bits(a) _mm512_slli_epi32::<16> = _mm256_slli_epi32::<16>;
    bits(a) _mm512_slli_epi32::<31> = _mm256_slli_epi32::<31>;
    bits(a) _mm512_slli_epi32::<32> = _mm256_slli_epi32::<32>;
    bits(a) _mm512_srli_epi32::<8> = _mm256_srli_epi32::<8>;
    bits(a) _mm512_srli_epi32::<24> = _mm256_srli_epi32::<24>;
    bits(a) _mm512_srli_epi32::<32> = _mm256_srli_epi32::<32>;
    bits(a) _mm512_srai_epi32::<0> = _mm256_srai_epi32::<0>;
    bits(a) _mm512_srai_epi32::<16> = _mm256_srai_epi32::<16>;
    bits(a) _mm512_srai_epi32::<32> = _mm256_srai_epi32::<32>;
    bits(a, q) _mm512_sll_epi16 = _mm256_sll_epi16;
    bits(a, q) _mm512_srl_epi16 = _mm256_srl_epi16;
}

agree! { avx_vnni_agrees needs ["avxvnni"]
    bits(a, b, c) _mm256_dpbusd_avx_epi32;
}

agree! { shuffles_agree needs ["avx512f", "avx512bw"]
    bits(a, b) _mm512_shuffle_epi8 = _mm256_shuffle_epi8;
    bits(q) _mm512_broadcast_i32x4 = _mm256_broadcastsi128_si256;
    bits(a, b) _mm512_unpacklo_epi32 = _mm256_unpacklo_epi32;
    bits(a, b) _mm512_unpackhi_epi32 = _mm256_unpackhi_epi32;
    bits(a, b) _mm512_unpacklo_epi64 = _mm256_unpacklo_epi64;
    bits(a, b) _mm512_unpackhi_epi64 = _mm256_unpackhi_epi64;
    bits(a, b) _mm512_permutexvar_ps;
    bits(a, b) _mm512_permutexvar_epi16;
    bits(a, b) _mm512_permutexvar_epi32;
    bits(a, b) _mm512_shuffle_i32x4::<0b01_00_11_10>;
    bits(a, b) _mm512_shuffle_i32x4::<0b10_11_00_01>;
    bits(a) _mm512_castps_si512;
    bits(a) _mm512_castsi512_ps;
    bits(a) _mm512_castps512_ps128;
    bits(a) _mm512_castsi512_si128;
    bits(a) _mm512_set1_ps;
    bits(a) _mm512_set1_epi8;
    bits(a) _mm512_set1_epi16;
    bits(a) _mm512_set1_epi32;
}

agree! { conversions_agree needs ["avx512f", "avx512bw"]
    bits(a) _mm512_cvtepi8_epi16 = _mm256_cvtepi8_epi16;
    bits(a) _mm512_cvtepi8_epi32 = twin::cvtepi8_epi32;
    bits(a) _mm512_cvtepu16_epi32 = _mm256_cvtepu16_epi32;
    bits(a) _mm512_cvtepi32_epi8 = twin::cvtepi32_epi8;
    bits(a) _mm512_cvtepi32_ps = _mm256_cvtepi32_ps;
    bits(a) _mm512_cvtps_epi32 = _mm256_cvtps_epi32;
    bits(a) _mm512_cvtph_ps = _mm256_cvtph_ps;
}

agree! { bf16_agrees needs ["avx512f", "avx512bf16"]
    float(a, b, c) _mm512_dpbf16_ps;
    bits(a, b) _mm512_cvtne2ps_pbh;
}
