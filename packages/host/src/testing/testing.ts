export { TestAuthority, type CertificateRequest, type IssuedCertificate } from './certificates.ts';
export { parseExposition, type ParsedFamily } from './parse-exposition.ts';
