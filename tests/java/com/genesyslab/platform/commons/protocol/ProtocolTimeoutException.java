// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.protocol;

public class ProtocolTimeoutException extends ProtocolException {
    public ProtocolTimeoutException(String message) {
        super(message);
    }

    public ProtocolTimeoutException(String message, Throwable cause) {
        super(message, cause);
    }
}
