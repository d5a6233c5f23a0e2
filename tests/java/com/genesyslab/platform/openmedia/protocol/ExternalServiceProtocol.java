// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.openmedia.protocol;

import com.genesyslab.platform.commons.protocol.ChannelClosedOnRequestException;
import com.genesyslab.platform.commons.protocol.ChannelClosedOnSendException;
import com.genesyslab.platform.commons.protocol.ChannelNotOpenedException;
import com.genesyslab.platform.commons.protocol.ChannelState;
import com.genesyslab.platform.commons.protocol.Endpoint;
import com.genesyslab.platform.commons.protocol.Message;
import com.genesyslab.platform.commons.protocol.ProtocolException;
import com.genesyslab.platform.commons.protocol.ProtocolTimeoutException;
import com.genesyslab.platform.openmedia.protocol.externalservice.request.Request3rdServer;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLSocket;
import standin.Wire;
import standin.Wishes;

/** Speaks the open framing (docs/domain.md section 5), so that the simulator can be its server. */
public class ExternalServiceProtocol {
    private static final int FRAME_MOST = 1 << 20;
    private final Endpoint endpoint;
    private final Map<Integer, CompletableFuture<Message>> waiting = new ConcurrentHashMap<>();
    private volatile ChannelState state = ChannelState.Closed;
    private Socket socket;
    private OutputStream out;

    public ExternalServiceProtocol(Endpoint endpoint) {
        this.endpoint = endpoint;
    }

    public Endpoint getEndpoint() {
        return endpoint;
    }

    public ChannelState getState() {
        return state;
    }

    public void open(long timeoutMs) throws ProtocolException {
        state = ChannelState.Opening;
        Wishes wishes = new Wishes(endpoint);
        wishes.sleep("stand-in.open-sleep");
        wishes.raise("stand-in.open");
        try {
            socket = connected((int) timeoutMs);
            out = socket.getOutputStream();
            DataInputStream in = new DataInputStream(socket.getInputStream());
            state = ChannelState.Opened;
            // No daemon, as a library's threads may be none: the console must end all the same.
            new Thread(() -> read(in), "stand-in reader").start();
        } catch (SocketTimeoutException e) {
            end();
            throw new ProtocolTimeoutException("not opened in time", e);
        } catch (IOException e) {
            end();
            throw new ProtocolException("not opened", e);
        }
    }

    private Socket connected(int timeoutMs) throws IOException {
        Socket plain = new Socket();
        plain.connect(new InetSocketAddress(endpoint.host, endpoint.port), timeoutMs);
        if (!endpoint.tls) {
            return plain;
        }
        SSLSocket secured = (SSLSocket) endpoint.sslContext.getSocketFactory()
                .createSocket(plain, endpoint.host, endpoint.port, true);
        plain.setSoTimeout(timeoutMs);
        secured.startHandshake();
        plain.setSoTimeout(0);
        return secured;
    }

    public void close() {
        new Wishes(endpoint).sleep("stand-in.close-sleep");
        end();
        new Wishes(endpoint).raise("stand-in.close");
    }

    private void end() {
        state = ChannelState.Closed;
        try {
            if (socket != null) {
                socket.close();
            }
        } catch (IOException e) {
            // It is closed.
        }
        for (CompletableFuture<Message> answer : waiting.values()) {
            answer.completeExceptionally(new IOException("closed"));
        }
    }

    public Message request(Message message, long timeoutMs)
            throws ProtocolException, InterruptedException {
        Request3rdServer request = (Request3rdServer) message;
        CompletableFuture<Message> answer = new CompletableFuture<>();
        waiting.put(request.getReferenceId(), answer);
        try {
            new Wishes(endpoint).sleep("stand-in.before-sleep");
            new Wishes(endpoint).raise("stand-in.before");
            send(request);
            new Wishes(endpoint).raise("stand-in.after");
            return answer.get(timeoutMs, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return null;
        } catch (ExecutionException e) {
            throw new ChannelClosedOnRequestException("closed while waiting", e.getCause());
        } finally {
            waiting.remove(request.getReferenceId());
        }
    }

    private synchronized void send(Request3rdServer request) throws ProtocolException {
        if (state != ChannelState.Opened) {
            throw new ChannelNotOpenedException("state is " + state);
        }
        try {
            out.write(Wire.frame(request));
            out.flush();
        } catch (IOException e) {
            end();
            throw new ChannelClosedOnSendException("closed while sending", e);
        }
    }

    private void read(DataInputStream in) {
        try {
            while (true) {
                int length = in.readInt();
                if (length < 0 || length > FRAME_MOST) {
                    throw new IOException("no frame");
                }
                byte[] body = new byte[length];
                in.readFully(body);
                Wire.Answer answer = Wire.answer(body);
                CompletableFuture<Message> waits = waiting.get(answer.referenceId);
                if (waits != null) {
                    waits.complete(answer.message);
                }
            }
        } catch (IOException | RuntimeException e) {
            end();
        }
    }
}
