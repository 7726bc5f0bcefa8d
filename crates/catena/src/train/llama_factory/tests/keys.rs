//! Every key of LLaMA-Factory's argument classes for training, so that none is unknown.
//!
//! Names only, of its classes of models, data, fine-tuning and generation (version 0.9.6), of the
//! classes of transformers 5.24 below its training arguments, and of earlier versions of both.

use crate::train::llama_factory::convert::CONVERTED;
use crate::train::llama_factory::features::FEATURES;
use crate::train::llama_factory::import;
use crate::train::llama_factory::passed_over::PASSED_OVER;
use crate::train::llama_factory::same::SAME;

const MODEL: &str =
    "model_name_or_path adapter_name_or_path adapter_folder cache_dir use_fast_tokenizer
    resize_vocab split_special_tokens add_tokens add_special_tokens new_special_tokens_config
    init_special_tokens model_revision low_cpu_mem_usage rope_scaling flash_attn shift_attn
    mixture_of_depths use_unsloth use_unsloth_gc enable_liger_kernel moe_aux_loss_coef
    disable_gradient_checkpointing use_reentrant_gc upcast_layernorm upcast_lmhead_output
    train_from_scratch infer_backend offload_folder use_kv_cache use_v1_kernels infer_dtype
    hf_hub_token ms_hub_token om_hub_token print_param_status trust_remote_code quantization_method
    quantization_bit quantization_type double_quantization quantization_device_map fp8 fp8_backend
    fp8_enable_fsdp_float8_all_gather image_max_pixels image_min_pixels image_do_pan_and_scan
    crop_to_patches video_max_pixels video_min_pixels video_fps video_maxlen use_audio_in_video
    audio_sampling_rate export_dir export_size export_device export_quantization_bit
    export_quantization_dataset export_quantization_nsamples export_quantization_maxlen
    export_legacy_format export_hub_model_id vllm_maxlen vllm_gpu_util vllm_enforce_eager
    vllm_max_lora_rank vllm_config sglang_maxlen sglang_mem_fraction sglang_tp_size sglang_config
    sglang_lora_backend use_kt kt_optimize_rule cpu_infer chunk_size mode kt_maxlen
    kt_use_cuda_graph kt_mode kt_force_think";

const DATA: &str = "template dataset eval_dataset dataset_dir media_dir cutoff_len train_on_prompt
    mask_history streaming buffer_size mix_strategy interleave_probs overwrite_cache
    preprocessing_batch_size preprocessing_num_workers max_samples eval_num_beams
    ignore_pad_token_for_loss val_size eval_on_each_dataset packing neat_packing tool_format
    default_system enable_thinking preserve_thinking tokenized_path data_shared_file_system";

const FINETUNING: &str = "freeze_trainable_layers freeze_trainable_modules freeze_extra_modules
    additional_target lora_alpha lora_dropout lora_rank lora_target loraplus_lr_ratio
    loraplus_lr_embedding use_rslora use_dora pissa_init pissa_iter pissa_convert create_new_adapter
    module_dropout oft_rank oft_block_size oft_target pref_beta pref_ftx pref_bco_weight pref_loss
    dpo_label_smoothing kto_chosen_weight kto_rejected_weight simpo_gamma ppo_buffer_size ppo_epochs
    ppo_score_norm ppo_target ppo_whiten_rewards ref_model ref_model_adapters
    ref_model_quantization_bit reward_model reward_model_adapters reward_model_quantization_bit
    reward_model_type ld_alpha use_galore galore_target galore_rank galore_update_interval
    galore_scale galore_proj_type galore_layerwise use_apollo apollo_target apollo_rank
    apollo_update_interval apollo_scale apollo_proj apollo_proj_type apollo_scale_type
    apollo_layerwise apollo_scale_front use_badam badam_mode badam_start_block badam_switch_mode
    badam_switch_interval badam_update_ratio badam_mask_mode badam_verbose use_swanlab
    swanlab_project swanlab_workspace swanlab_run_name swanlab_mode swanlab_api_key swanlab_logdir
    swanlab_lark_webhook_url swanlab_lark_secret pure_bf16 stage finetuning_type use_llama_pro
    use_adam_mini use_mca use_muon use_dft_loss use_asft_loss asft_alpha use_eaft_loss eaft_alpha
    use_hyper_parallel hyper_parallel_args freeze_vision_tower freeze_multi_modal_projector
    freeze_language_model compute_accuracy disable_shuffling early_stopping_steps plot_loss
    include_effective_tokens_per_second";

const GENERATING: &str = "do_sample temperature top_p top_k num_beams max_length max_new_tokens
    repetition_penalty length_penalty skip_special_tokens";

const TRAINING: &str =
    "output_dir per_device_train_batch_size num_train_epochs max_steps learning_rate
    lr_scheduler_type lr_scheduler_kwargs warmup_steps warmup_ratio optim optim_args weight_decay
    adam_beta1 adam_beta2 adam_epsilon optim_target_modules gradient_accumulation_steps
    average_tokens_across_devices max_grad_norm label_smoothing_factor bf16 fp16 bf16_full_eval
    fp16_full_eval tf32 activation_checkpointing activation_checkpointing_kwargs
    gradient_checkpointing gradient_checkpointing_kwargs torch_compile torch_compile_backend
    torch_compile_mode use_liger_kernel liger_kernel_config use_cache neftune_noise_alpha
    torch_empty_cache_steps auto_find_batch_size logging_strategy logging_steps logging_first_step
    log_on_each_node logging_nan_inf_filter include_num_input_tokens_seen log_level
    log_level_replica disable_tqdm report_to run_name project trackio_space_id trackio_bucket_id
    trackio_static_space_id eval_strategy eval_steps eval_delay per_device_eval_batch_size
    prediction_loss_only eval_on_start eval_do_concat_batches eval_use_gather_object
    eval_accumulation_steps include_for_metrics batch_eval_metrics save_only_model save_strategy
    save_steps save_on_each_node save_total_limit enable_jit_checkpoint push_to_hub hub_token
    hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision load_best_model_at_end
    metric_for_best_model greater_is_better ignore_data_skip restore_callback_states_from_checkpoint
    full_determinism seed data_seed use_cpu accelerator_config parallelism_config
    dataloader_drop_last dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers
    dataloader_prefetch_factor dataloader_multiprocessing_context dataloader_in_order
    remove_unused_columns label_names train_sampling_strategy length_column_name
    ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend
    ddp_timeout fsdp fsdp_config deepspeed debug skip_memory_metrics do_train do_eval do_predict
    resume_from_checkpoint local_rank sortish_sampler predict_with_generate generation_max_length
    generation_num_beams generation_config overwrite_output_dir";

const PROCESSES: &str = "ray_run_name ray_storage_path ray_storage_filesystem ray_num_workers
    resources_per_worker placement_strategy ray_init_kwargs master_addr master_port
    tensor_model_parallel_size pipeline_model_parallel_size expert_model_parallel_size
    context_parallel_size virtual_pipeline_model_parallel_size sequence_parallel
    recompute_granularity recompute_method recompute_num_layers
    account_for_embedding_in_pipeline_split account_for_loss_in_pipeline_split
    bias_activation_fusion apply_rope_fusion masked_softmax_fusion cross_entropy_loss_fusion
    moe_grouped_gemm moe_token_dispatcher_type calculate_per_token_loss use_distributed_optimizer
    overlap_param_gather overlap_grad_reduce use_packed_sequences mixed_precision
    megatron_pretrained_checkpoint export_hf_on_finish extra_config enable_torch_profiler
    profiler_output_dir profiler_wait_steps profiler_warmup_steps profiler_active_steps
    profiler_repeat profiler_record_shapes profiler_profile_memory profiler_with_stack";

const EARLIER: &str = "evaluation_strategy logging_dir group_by_length save_safetensors no_cuda
    half_precision_backend include_tokens_per_second include_inputs_for_metrics dpo_beta dpo_loss
    dpo_ftx kto_beta kto_ftx orpo_beta num_layer_trainable name_module_trainable sft_packing
    efficient_eos image_resolution video_resolution cache_path fsdp_transformer_layer_cls_to_wrap
    fsdp_min_num_params";

fn all() -> impl Iterator<Item = &'static str> {
    let classes = [MODEL, DATA, FINETUNING, GENERATING, TRAINING, PROCESSES, EARLIER];
    classes.into_iter().flat_map(str::split_whitespace)
}

#[test]
fn no_key_is_unknown() {
    assert!(all().count() > 350, "{}", all().count());
    for key in all() {
        let said = import(&format!("{key}: x")).err().unwrap_or_default();
        assert!(!said.contains("not known"), "{said}");
    }
    let wrong = import("galore_rnak: 8\nfreeze_vision_towr: true").err().unwrap();
    assert_eq!(wrong.matches("is not known").count(), 2, "{wrong}");
}

/// A key is one thing only.
#[test]
fn kinds_of_keys_do_not_overlap() {
    for key in all() {
        let kinds = [
            SAME.iter().filter(|(theirs, _)| *theirs == key).count(),
            CONVERTED.iter().filter(|converted| **converted == key).count(),
            PASSED_OVER.iter().filter(|(_, keys)| keys.contains(&key)).count(),
            FEATURES.iter().filter(|feature| feature.has(key)).count(),
        ];
        assert_eq!(kinds.iter().sum::<usize>(), 1, "{key}: {kinds:?}");
    }
}
