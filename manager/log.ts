/**
 * The managers' log, by LogTape: silent until the app that runs a manager configures it. Values are
 * given as properties, never pasted into the message, so that the sink can escape them.
 */
export {
  configure,
  getConsoleSink,
  getLogger,
  getStreamSink,
  getTextFormatter,
  jsonLinesFormatter,
  type Logger,
  type LogRecord,
  reset,
} from "npm:@logtape/logtape@2.4.2";
