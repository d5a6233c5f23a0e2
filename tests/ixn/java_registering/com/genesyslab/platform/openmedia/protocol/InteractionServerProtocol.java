// A stand-in of this project's own: public names alone, none of the vendor's code (docs/poller.md).
package com.genesyslab.platform.openmedia.protocol;

import com.genesyslab.platform.commons.protocol.Endpoint;
import com.genesyslab.platform.commons.protocol.ProtocolException;
import standin.IxnChannel;
import standin.IxnRequest;

/** Of the kind that is told what its client is, and registers while it opens. */
public class InteractionServerProtocol extends IxnChannel {
    public enum ClientKind {
        RoutingEngine(3), ReportingEngine(4), EspClient(8);

        private final int number;

        ClientKind(int number) {
            this.number = number;
        }

        public int getNumber() {
            return number;
        }
    }

    public static class Registration extends IxnRequest {
        Registration(ClientKind kind) {
            fields.put("clientType", kind);
        }
    }

    private ClientKind clientType;

    public InteractionServerProtocol(Endpoint endpoint) {
        super(endpoint);
    }

    public void setClientType(ClientKind kind) {
        clientType = kind;
    }

    @Override
    public void open(long timeoutMs) throws ProtocolException {
        super.open(timeoutMs);
        request(new Registration(clientType), timeoutMs);
    }
}
