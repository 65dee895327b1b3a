/**
 * The log of the managers, by LogTape. It is silent until the app that runs a manager configures it. Values are passed
 * as properties, never inserted into the message, so that a sink can escape them.
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
