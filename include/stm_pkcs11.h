/*
 * Vendor-defined attributes of the stm-pkcs11 module.
 *
 * Include the standard's header (pkcs11.h, 2.40 or later) first: CK_ATTRIBUTE_TYPE and CKA_VENDOR_DEFINED come from
 * there. The attributes stand on the private key, the public key and the certificate of each keypair. Text values are
 * UTF-8 without a terminator; C_GetAttributeValue gives their length in ulValueLen as usual.
 *
 * "Template" marks attributes that may also be given to C_GenerateKeyPair, in either template.
 */
#ifndef STM_PKCS11_H
#define STM_PKCS11_H

#ifdef __cplusplus
extern "C" {
#endif

#define CKA_STM_BASE                (CKA_VENDOR_DEFINED | 0x00535400UL)

/* Text: the keypair's id at the service, a UUID. Searching by it costs one request. */
#define CKA_STM_KEYPAIR_ID          (CKA_STM_BASE | 0x01UL)

/* Text: the keypair's alias (the same as CKA_LABEL). */
#define CKA_STM_ALIAS               (CKA_STM_BASE | 0x02UL)

/* Text: "ONLINE" or "OFFLINE". Template: the status that the new keypair gets. */
#define CKA_STM_KEY_STATUS          (CKA_STM_BASE | 0x03UL)

/* Text: "PRODUCTION" or "TEST". Template. */
#define CKA_STM_KEY_TYPE            (CKA_STM_BASE | 0x04UL)

/* Text: "HSM" or "DISK". Template. */
#define CKA_STM_KEY_STORAGE         (CKA_STM_BASE | 0x05UL)

/* Text: the id of the certificate that the token shows for the keypair; empty where there is none. */
#define CKA_STM_CERTIFICATE_ID      (CKA_STM_BASE | 0x06UL)

/* Text: the service's status of that certificate, such as "ACTIVE"; empty where there is none. */
#define CKA_STM_CERTIFICATE_STATUS  (CKA_STM_BASE | 0x07UL)

/* CK_BBOOL: whether this user may sign with the keypair now; empty where the service does not say. */
#define CKA_STM_SIGNABLE            (CKA_STM_BASE | 0x08UL)

/*
 * Text, on keys: the id of the signature that this session made last, if it was made with this key; else empty.
 * Read it after C_Sign or C_SignFinal to find the signature in the service's record.
 */
#define CKA_STM_LAST_SIGNATURE_ID   (CKA_STM_BASE | 0x09UL)

#ifdef __cplusplus
}
#endif

#endif /* STM_PKCS11_H */
