"""What the engine asks of PHP before anything is built."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from builder.interpreters.folder import REQUIRED
from builder.interpreters.php import recipe
from builder.interpreters.php.product import read_extensions
from builder.plan.keys import Materials
from builder.platform import Platform
from builder.product import Product
from builder.recipes import Recipe

EXPORTS = """
    OnUpdateBaseDir OnUpdateBool OnUpdateLong OnUpdateLongGEZero OnUpdateReal OnUpdateStr OnUpdateStrNotEmpty
    OnUpdateString OnUpdateStringUnempty PHP_* ValidateFormat XML_GetUserData _IO_stdin_used __data_start
    __jit_debug_descriptor __jit_debug_register_code __zend_* _call_user_function_impl _convert_to_string _ecalloc
    _efree _efree_* _emalloc _emalloc_* _erealloc _erealloc2 _estrdup _estrndup _is_numeric_string_ex
    _mysqlnd_get_client_stats _mysqlnd_plugin_get_plugin_result_metadata_data _php_* _safe_* _smart_string_alloc
    _smart_string_alloc_persistent _start _try_convert_to_string _vgr00000ZU_NONE_zend_string_equal_val _zend_* add_*
    ap_* append_user_shutdown_function array_set_zval_key assertion_error_ce basic_globals bitwise_*
    boolean_not_function boolean_xor_function ce_SimpleXMLElement ce_SimpleXMLIterator cfg_* compare_function
    compile_* compiler_globals concat_function config_zval_dtor convert_* core_globals crc32_pclmul_batch
    crc32_pclmul_reflected_batch curl_CURLFile_class curl_CURLStringFile_class curl_ce curl_multi_ce curl_share_ce
    data_start decrement_function destroy_* display_ini_entries display_link_numbers div_function do_bind_class
    do_bind_function dom_* empty_fcall_info empty_fcall_info_cache execute_ex execute_internal executor_globals
    expand_* extension_version_info file_globals finfo_objects_new free_estring function_add_ref gc_* get_*
    highlight_file highlight_string increment_function ini_scanner_globals init_op_array instanceof_function_slow is_*
    json_globals jump_fcontext language_scanner_globals le_index_ptr lex_scan localeconv_r magic_* make_* mb_* mbfl_*
    mbstr_treat_data mod_function module_registry mul_function mysqli_objects_new mysqlnd_* numeric_compare_function
    object_* open_file_for_scanning output_globals pass_two pcre2_* pcre_* pdo_* phar_resolve_alias php_* pow_function
    ps_globals random_* rc_dtor_func realpath_* rebuild_object_properties_internal reflection_* reflector_ptr
    register_user_shutdown_function remove_user_shutdown_function rfc1867_post_handler rounding_mode_ce sapi_*
    session_adapt_url shift_left_function shift_right_function shutdown_memory_manager smart_* smm_shared_globals
    socket_ce socket_import_file_descriptor sockets_globals sockets_strerror spl_* start_memory_manager
    std_object_handlers string_* strnatcmp_ex sub_function sxe_get_element_class_entry sxe_object_new tsrm_realpath
    var_* virtual_* vtbl_pass zend_* zendi_smart_strcmp zendi_smart_streq zendparse zif_* zval_*
"""
"""What extensions may link to: PHP's own, and what it has copies of; nothing of a library that products share."""


def recipes(product: Product, platform: Platform, files: Materials) -> Mapping[str, Recipe]:
    """The interpreter; all else that it needs are libraries."""
    return {"php": recipe.recipe(product, platform, files)}


def rules() -> Mapping[str, Any]:
    """Extensions link to PHP's symbols; mathematics is glibc's, which everybody else has."""
    return {
        "exports": EXPORTS.split(),
        "required": REQUIRED,
    }


def facts(product: Product, files: Materials) -> Mapping[str, Any]:
    """Which extensions are in the interpreter, and why the others are not."""
    return {"extensions": asdict(read_extensions(product, files))}
