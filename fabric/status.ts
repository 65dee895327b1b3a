/** The numbers of a completion: enum ibv_wc_status and enum ibv_wc_opcode. */

/** How a request or receive ended; the values of enum ibv_wc_status. */
export const Status = {
  SUCCESS: 0,
  LOC_LEN_ERR: 1,
  LOC_QP_OP_ERR: 2,
  LOC_PROT_ERR: 4,
  WR_FLUSH_ERR: 5,
  REM_INV_REQ_ERR: 9,
  REM_ACCESS_ERR: 10,
  REM_OP_ERR: 11,
  RETRY_EXC_ERR: 12,
  RNR_RETRY_EXC_ERR: 13,
  FATAL_ERR: 19,
  GENERAL_ERR: 21,
} as const;

/** What has completed; the values of enum ibv_wc_opcode. */
export const Opcode = {
  SEND: 0,
  WRITE: 1,
  READ: 2,
  COMPARE_AND_SWAP: 3,
  FETCH_AND_ADD: 4,
  RECEIVE: 128,
  RECEIVE_WRITE_IMMEDIATE: 129,
} as const;

/** The name of a status, such as `REM_ACCESS_ERR`, for messages. */
export function statusName(status: number): string {
  return Object.entries(Status).find(([, value]) => value === status)?.[0] ?? `status ${status}`;
}
