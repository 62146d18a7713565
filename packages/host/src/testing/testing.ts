export { TestAuthority, type CertificateRequest, type IssuedCertificate } from './certificates.ts';
