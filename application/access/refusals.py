"""Named refusals at the door. What they say never tells whether a login exists or which part was wrong."""

from math import ceil

from domain.refusals import Refusal


class LoginRefused(Refusal):
    """Unknown login, wrong password, wrong or used code: one text for all (đăng nhập không thành công)."""

    code = "login-refused"

    def __init__(self) -> None:
        super().__init__(
            "Tên đăng nhập, mật khẩu hoặc mã xác thực không đúng.",
            "The login, password or code is not right.",
            hint_vi="Kiểm tra và thử lại; mỗi mã chỉ dùng được một lần. Quên mật khẩu thì nhờ quản trị cấp lại.",
            hint_en="Check and try again; each code works once. If the password is lost, have it reset.",
        )


class Locked(Refusal):
    """Too many failures: no further attempt before some ``seconds`` have passed (tạm khóa)."""

    code = "locked"

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, ceil(seconds))
        super().__init__(
            f"Sai quá nhiều lần; thử lại sau {self.seconds} giây.",
            f"Too many failures; try again in {self.seconds} seconds.",
            hint_vi="Chờ hết thời gian nêu trên, không cần gửi lại trước đó.",
            hint_en="Wait as long as said; earlier attempts are refused unseen.",
        )


class ProofNeeded(Refusal):
    """The act asks for the password (and code) once more, given just now (cần xác thực lại)."""

    code = "proof-needed"

    def __init__(self) -> None:
        super().__init__(
            "Việc này cần xác thực lại trong vòng năm phút trước đó.",
            "This needs a fresh proof of who you are, at most five minutes old.",
            hint_vi="Xác thực lại tại /account/prove, hoặc POST /v1/login/prove, rồi làm lại.",
            hint_en="Prove it at /account/prove, or by POST /v1/login/prove, then repeat.",
        )


class PasswordTooWeak(Refusal):
    """The new password is too short, too common, or the login itself (mật khẩu quá yếu)."""

    code = "password-too-weak"

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(
            vi,
            en,
            field="new_password",
            hint_vi="Dùng một câu dài dễ nhớ, từ 12 ký tự; không bắt buộc chữ hoa, số hay ký hiệu.",
            hint_en="Take a long phrase you remember, 12 characters or more; no kinds of characters are required.",
        )


class CodeRefused(Refusal):
    """The code that should confirm a new TOTP secret does not belong to it (mã xác nhận không đúng)."""

    code = "code-refused"

    def __init__(self) -> None:
        super().__init__(
            "Mã không khớp với khóa vừa cấp.",
            "The code does not belong to the secret just given.",
            field="code",
            hint_vi="Kiểm tra giờ của điện thoại, rồi nhập mã đang hiện.",
            hint_en="Check the phone's clock, then give the code it shows now.",
        )


class LoginTaken(Refusal):
    """The login, or the person, has an account already (đã có tài khoản)."""

    code = "login-taken"

    def __init__(self) -> None:
        super().__init__(
            "Tên đăng nhập hoặc người này đã có tài khoản.",
            "The login or the person has an account already.",
            field="login",
            hint_vi="Chọn tên khác; tên của tài khoản đã đóng không cấp cho người khác.",
            hint_en="Choose another; the login of a closed account is not given to somebody else.",
        )


class ClientRefused(Refusal):
    """Unknown or closed service account, or a wrong or ended secret (tài khoản dịch vụ bị từ chối)."""

    code = "client-refused"

    def __init__(self) -> None:
        super().__init__(
            "Mã hoặc khóa bí mật của tài khoản dịch vụ không đúng.",
            "The service account's id or secret is not right.",
            hint_vi="Kiểm tra khóa; khóa cũ hết hiệu lực sau thời gian chuyển tiếp.",
            hint_en="Check the secret; an old one ends when the overlap of its rotation is over.",
        )


class ScopeRefused(Refusal):
    """A scope that does not exist or that this service account was not given (phạm vi không được cấp)."""

    code = "scope-refused"

    def __init__(self) -> None:
        super().__init__(
            "Tài khoản dịch vụ không có phạm vi này.",
            "The service account does not have this scope.",
            field="scope",
            hint_vi="Chỉ xin phạm vi đã được cấp, hoặc bỏ trống để lấy tất cả.",
            hint_en="Ask only for scopes it was given, or for none to get all of them.",
        )


class CodeHeld(Refusal):
    """An authenticator app is enrolled already (đã có khóa tạo mã)."""

    code = "code-held"

    def __init__(self) -> None:
        super().__init__(
            "Tài khoản đã có khóa tạo mã.",
            "The account has an authenticator app already.",
            hint_vi="Mất điện thoại thì nhờ quản trị viên cấp lại tài khoản (lost_phone).",
            hint_en="If the phone is lost, have an administrator reset the account (lost_phone).",
        )
