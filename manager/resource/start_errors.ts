/** What keeps a resource manager from starting. */
import { RfaasError } from "../../runtime/errors.ts";

/** Another process listens at the address, or it can't be listened at. */
export class AddressUnavailable extends RfaasError {
  override name = "AddressUnavailable";
}

/** The certificate or its key can't be read, or is none. */
export class CertificateUnavailable extends RfaasError {
  override name = "CertificateUnavailable";
}
